"""A dataset folder described as Croissant (MLCommons, format 1.0), for dataset search and loaders.

Vocabulary: https://docs.mlcommons.org/croissant/docs/croissant-spec.html. Files are named relative to the
description, which lies in the folder's root, with the SHA-256 of their bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from nami_bench.export.dataset_columns import Column

CROISSANT_FILE = "croissant.json"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {
    "text": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "time": "sc:DateTime",
}
_FORMATS = {".parquet": "application/x-parquet", ".jsonl": "application/jsonlines"}


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """A file of the folder and what a row of it is; `name` is its record set's."""

    name: str
    path: str
    row: str
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class About:
    """What a description says of the whole. `licence`: an SPDX id or a URL; None: none was named.

    `personal`: what is in it about people, in words; `collected`: how it came about.
    """

    name: str
    description: str
    version: str
    licence: str | None
    personal: str
    collected: str
    published: date


def croissant_json(folder: Path, about: About, files: Sequence[DescribedFile]) -> bytes:
    """The description of `files`, which lie in `folder`."""
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": about.name,
        "description": about.description,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": about.version,
        "datePublished": about.published.isoformat(),
        "rai:personalSensitiveInformation": about.personal,
        "rai:dataCollection": about.collected,
        "distribution": list(_distribution(folder, files)),
        "recordSet": [_record_set(file) for file in files],
    }
    if about.licence is not None:
        document["license"] = about.licence
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _distribution(folder: Path, files: Sequence[DescribedFile]) -> Iterator[dict[str, Any]]:
    for file in files:
        place = folder / file.path
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": place.name,
            "contentUrl": file.path,
            "contentSize": f"{place.stat().st_size} B",
            "encodingFormat": _FORMATS[place.suffix],
            "sha256": _sha256(place),
        }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record_set(file: DescribedFile) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": file.name,
        "name": file.name,
        "description": f"Each record is {file.row}.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{file.name}/{column.name}",
                "name": column.name,
                "description": column.holds,
                "dataType": _TYPES[column.kind],
                "source": {"fileObject": {"@id": file.path}, "extract": {"column": column.name}},
            }
            for column in file.columns
            if column.kind in _TYPES
        ],
    }
