"""The guide's "Preparing the Oven", setting by setting. Each is declared here and nowhere else."""

from lorabake.recipe.settings.data import AugmentSettings, BucketSettings, CaptionSettings
from lorabake.recipe.settings.general import PRECISIONS, GeneralSettings
from lorabake.recipe.settings.model import ModelSettings
from lorabake.recipe.settings.noise import NoiseSettings
from lorabake.recipe.settings.optimizer import OptimizerSettings
from lorabake.recipe.settings.output import SampleSettings, SavingSettings, ValidationSettings

__all__ = [
    "PRECISIONS",
    "AugmentSettings",
    "BucketSettings",
    "CaptionSettings",
    "GeneralSettings",
    "ModelSettings",
    "NoiseSettings",
    "OptimizerSettings",
    "SampleSettings",
    "SavingSettings",
    "ValidationSettings",
]
