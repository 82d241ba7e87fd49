"""The Kedro datasets that kedro-datasets lacks, loaded when they are named."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "ArrayCacheDataset": "array_cache_dataset",
    "BundleDataset": "bundle_dataset",
    "EmbeddingsDataset": "embeddings_dataset",
    "EncoderWeightsDataset": "encoder_weights_dataset",
    "FigureDataset": "figure_dataset",
    "MetricsDataset": "metrics_dataset",
    "ModelDataset": "model_dataset",
    "OptionalCSVDataset": "optional_datasets",
    "OptionalParquetDataset": "optional_datasets",
    "OptionalTextDataset": "optional_datasets",
    "RadiographDataset": "radiograph_dataset",
    "RadiographFolderDataset": "radiograph_folder_dataset",
    "ResultsFolderDataset": "results_folder_dataset",
    "SourcesDataset": "sources_dataset",
    "SplitTableDataset": "split_table_dataset",
    "SummaryDataset": "summary_dataset",
    "TableDataset": "table_dataset",
    "TableFolderDataset": "table_folder_dataset",
    "TextFolderDataset": "text_folder_dataset",
    "CheckpointsDataset": "checkpoints_dataset",
    "VersionsDataset": "versions_dataset",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"xraylab.datasets has no {name}; it has {', '.join(_MODULES)}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
