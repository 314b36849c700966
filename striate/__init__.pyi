# What editors and type checkers see; tests/test_structure.py keeps it equal to the table in __init__.py.
from striate import activations as activations
from striate import backend as backend
from striate import callbacks as callbacks
from striate import config as config
from striate import constraints as constraints
from striate import datasets as datasets
from striate import engine as engine
from striate import errors as errors
from striate import initializers as initializers
from striate import layers as layers
from striate import losses as losses
from striate import metrics as metrics
from striate import models as models
from striate import ops as ops
from striate import optimizers as optimizers
from striate import random as random
from striate import regularizers as regularizers
from striate import saving as saving
from striate import see as see
from striate import utils as utils
from striate import zoo as zoo
from striate.layers import Input as Input
from striate.layers import Layer as Layer
from striate.models import Model as Model
from striate.models import Sequential as Sequential
from striate.runner import install_shim as install_shim
from striate.runner import load_ipython_extension as load_ipython_extension
from striate.runner import unload_ipython_extension as unload_ipython_extension
from striate.variables import Variable as Variable

__version__: str
