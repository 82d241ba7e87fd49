"""The Kedro datasets that kedro-datasets lacks."""

from xraylab.datasets.radiograph_dataset import RadiographDataset
from xraylab.datasets.radiograph_folder_dataset import RadiographFolderDataset

__all__ = ["RadiographDataset", "RadiographFolderDataset"]
