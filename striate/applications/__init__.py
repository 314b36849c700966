"""Known networks by name, new or with weights of ImageNet that Keras' authors trained (`keras.applications`).

Without weights (`weights=None`) nothing is downloaded. Layers, their names and their order are Keras', so that files of
weights go back and forth.
"""

from striate.applications import (densenet, efficientnet, imagenet_utils, inception_v3, mobilenet, mobilenet_v2,
                                  mobilenet_v3, resnet, resnet50, resnet_v2, vgg16, vgg19, xception)
from striate.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from striate.applications.efficientnet import (EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3,
                                               EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7)
from striate.applications.inception_v3 import InceptionV3
from striate.applications.mobilenet import MobileNet
from striate.applications.mobilenet_v2 import MobileNetV2
from striate.applications.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
from striate.applications.resnet import ResNet101, ResNet152, ResNet50
from striate.applications.resnet_v2 import ResNet101V2, ResNet152V2, ResNet50V2
from striate.applications.vgg16 import VGG16
from striate.applications.vgg19 import VGG19
from striate.applications.xception import Xception
from striate.outside import refusing

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "EfficientNetB0", "EfficientNetB1", "EfficientNetB2",
           "EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7", "InceptionV3",
           "MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small", "ResNet101", "ResNet101V2", "ResNet152",
           "ResNet152V2", "ResNet50", "ResNet50V2", "VGG16", "VGG19", "Xception", "densenet", "efficientnet",
           "imagenet_utils", "inception_v3", "mobilenet", "mobilenet_v2", "mobilenet_v3", "resnet", "resnet50",
           "resnet_v2", "vgg16", "vgg19", "xception"]
__getattr__ = refusing("keras.applications")
