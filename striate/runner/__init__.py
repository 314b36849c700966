"""Programs written for Keras or TensorFlow run unchanged: `import keras` and `import tensorflow` lead to striate.

Three ways to ask for it, each for one process and never by installing a package of a foreign name:

    striate run script.py           # on the command line, also: python -m striate run script.py
    %load_ext striate               # in a notebook
    striate.install_shim()          # in a program, before its first import of keras or tensorflow
"""

from striate.runner.finder import install_shim, uninstall_shim
from striate.runner.notebook import load_ipython_extension, unload_ipython_extension

__all__ = ["install_shim", "load_ipython_extension", "uninstall_shim", "unload_ipython_extension"]
