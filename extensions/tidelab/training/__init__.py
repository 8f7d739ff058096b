"""Train, evaluate, export and package models. TensorFlow is imported by ``keras_*`` modules alone, inside functions."""
