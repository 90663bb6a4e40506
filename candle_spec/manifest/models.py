# ruff: noqa
"""The manifest as typed objects. Generated from schemas/checkpoint by tools/regen.py: do not edit.

A lenient view for reading, never a check: :func:`candle_spec.manifest.check` is the only validator.
"""

from __future__ import annotations
from pydantic import Field
from candle_spec.manifest.base_model import View
from typing import Any, Literal


class License(View):
    """
    Licences of the weights, of the code, of the data, each an SPDX expression.
    """

    weights: str | None = Field(None, title="Weights")
    """
    Licence of the weights and of this manifest.
    """
    code: str | None = Field(None, title="Code")
    """
    Licence of the code.
    """
    data: str | None = Field(None, title="Data")
    """
    Licence of the data that are included.
    """


class Contact(View):
    """
    Whom to ask.
    """

    name: str = Field(..., title="Name")
    """
    Person or group.
    """
    email: str | None = Field(None, title="E-mail")
    """
    Address.
    """


class FundingItem(View):
    funder: str = Field(..., title="Funder")
    """
    Its name.
    """
    funder_ror: str | None = Field(None, title="Funder's ROR")
    """
    Its ROR identifier, bare or as a URL.
    """
    award: str | None = Field(None, title="Award")
    """
    Number of the award.
    """
    award_title: str | None = Field(None, title="Title of the award")
    """
    Its title.
    """
    award_url: str | None = Field(None, title="URL of the award")
    """
    Its page.
    """


class Dates(View):
    """
    When things happened, in UTC.
    """

    created: str = Field(..., title="Created")
    """
    When this checkpoint was written.
    """
    trained: str | None = Field(None, title="Trained")
    """
    When the training ended.
    """
    published: str | None = Field(None, title="Published")
    """
    When it was first published.
    """
    available: str | None = Field(None, title="Available")
    """
    From when it may be used.
    """


class RelatedIdentifier(View):
    scheme: str = Field(..., title="Scheme")
    """
    Kind of identifier.
    """
    value: str = Field(..., title="Value")
    """
    The identifier.
    """
    relation: str = Field(..., title="Relation")
    """
    How this checkpoint relates to it (DataCite relationType).
    """
    type: str | None = Field(None, title="Type")
    """
    What it is (DataCite resourceTypeGeneral).
    """


class FieldSource(View):
    pointer: str = Field(..., title="Pointer")
    """
    JSON Pointer of the value in this manifest.
    """
    source: Literal["file", "config", "path", "environment", "user", "inferred"] = Field(..., title="Source")
    """
    file (the native file says it), config, path (names of folders and files), environment, user, inferred.
    """
    detail: str | None = Field(None, title="Detail")
    """
    Which file and place.
    """
    value_digest: str = Field(..., title="Digest of the value")
    """
    Of the value's canonical JSON when it was written.
    """


class Identifier(View):
    """
    A name of this thing in a scheme that others can resolve.
    """

    scheme: str = Field(..., title="Scheme")
    """
    Kind of identifier: doi, swhid (Software Heritage), hf (Hugging Face repository), purl (package URL), uuid, url, accession of an archive, other.
    """
    value: str = Field(..., title="Value")
    """
    The identifier itself, without the scheme.
    """


class Organisation(View):
    """
    An organisation, named and identified by ROR (https://ror.org).
    """

    name: str = Field(..., title="Name")
    """
    Its name in full.
    """
    ror: str | None = Field(None, title="ROR")
    """
    Its ROR identifier, bare or as a URL.
    """


class Contributor(View):
    """
    A person or an organisation, and what they contributed.
    """

    name: str = Field(..., title="Name")
    """
    The name as it shall be shown; for an organisation its full name.
    """
    given_name: str | None = Field(None, title="Given name")
    """
    Given name, for citations.
    """
    family_name: str | None = Field(None, title="Family name")
    """
    Family name, for citations.
    """
    orcid: str | None = Field(None, title="ORCID iD")
    """
    ORCID iD, bare or as a URL; its check digit is verified at level L2.
    """
    affiliation: list[Organisation] | None = Field(None, title="Affiliation")
    """
    Organisations to which the person belongs.
    """
    email: str | None = Field(None, title="E-mail")
    """
    Address for questions about this work; it is published with the manifest.
    """
    role: str = Field(..., title="Role")
    """
    What was contributed, in DataCite's terms (contributorType).
    """


class BaseModelEntry(View):
    identifier: Identifier = Field(..., title="Identifier")
    """
    The base model.
    """
    relation: str = Field(..., title="Relation")
    """
    How this one was made from it.
    """
    digest: str | None = Field(None, title="Digest")
    """
    Its content digest, where it is a checkpoint of this format.
    """


class TopologyItem(View):
    kind: str = Field(..., title="Kind")
    """
    What the file is.
    """
    path: str = Field(..., title="Path")
    """
    Where it is.
    """


class Framework(View):
    """
    What wrote the native checkpoint, and how that is known.
    """

    name: str = Field(..., title="Name")
    """
    Lower-case name, or unknown.
    """
    version: str | None = Field(None, title="Version")
    """
    Its version.
    """
    evidence: list[str] | None = Field(None, title="Evidence")
    """
    What was looked at to know, one sentence each.
    """


class Source(View):
    """
    Python file of this checkpoint that holds the callable, instead of an import path.
    """

    path: str = Field(..., title="Path")
    """
    Where it is.
    """


class Implementation(View):
    """
    The code that makes the network: where it is, and what to call. It is never run unless trusted.
    """

    repository: str | None = Field(None, title="Repository")
    """
    Where the code is kept.
    """
    commit: str | None = Field(None, title="Commit")
    """
    The very revision, in full.
    """
    import_path: str | None = Field(None, title="Import path")
    """
    Module of an installed package that holds the callable.
    """
    source: Source | None = Field(None, title="Source file")
    """
    Python file of this checkpoint that holds the callable, instead of an import path.
    """
    callable: str | None = Field(None, title="Callable")
    """
    Class or function that returns the network.
    """
    kwargs: dict[str, Any] | None = Field(None, title="Keyword arguments")
    """
    Arguments of the call.
    """


class Range(View):
    """
    Smallest and largest value.
    """

    min: float | None = Field(None, title="Minimum")
    """
    Smallest value.
    """
    max: float | None = Field(None, title="Maximum")
    """
    Largest value.
    """


class Axis(View):
    """
    One axis of an array, in order.
    """

    name: str = Field(..., title="Name")
    """
    What the axis counts.
    """
    size: int | None = Field(None, title="Size")
    """
    Number of elements; null where any number goes.
    """
    min: int | None = Field(None, title="Smallest size")
    """
    Smallest size that the model takes, where size is null.
    """
    max: int | None = Field(None, title="Largest size")
    """
    Largest size that the model takes, where size is null.
    """
    step: int | None = Field(None, title="Step")
    """
    Sizes differ by multiples of this from the smallest one.
    """
    unit: str | None = Field(None, title="Unit")
    """
    Unit of one step along the axis, as UCUM writes it.
    """


class FeatureList(View):
    """
    An ordered list of features (genes, probes, descriptors), one a line, in the order of the input's axis.
    """

    path: str | None = Field(None, title="Path")
    """
    The file that holds it, one feature a line, UTF-8.
    """
    count: int = Field(..., title="Count")
    """
    Number of features.
    """
    namespace: str | None = Field(None, title="Namespace")
    """
    What names the features.
    """
    namespace_version: str | None = Field(None, title="Version of the namespace")
    """
    Release or date of the namespace.
    """
    genome_build: str | None = Field(None, title="Genome build")
    """
    The genome assembly, for features that have a place on it.
    """
    digest: str | None = Field(None, title="Digest")
    """
    Of the ordered list: sha256 of its lines joined by line feeds, without a last one.
    """


class Preprocessing(View):
    """
    What is done to the data before they enter the model, one step at a time.
    """

    name: str = Field(..., title="Name")
    """
    Name of the operation.
    """
    description: str | None = Field(None, title="Description")
    """
    What it does, where the name does not say it.
    """
    params: dict[str, Any] | None = Field(None, title="Parameters")
    """
    Its parameters.
    """
    artifact: str | None = Field(None, title="Artifact")
    """
    The file that holds what it was fitted to.
    """


class CodedTerm(View):
    """
    A term in words and, where there is one, its code in a code system of a stated version.
    """

    label: str = Field(..., title="Label")
    """
    The term in words.
    """
    code: str | None = Field(None, title="Code")
    """
    Its code; the system must be named with it.
    """
    system: str | None = Field(None, title="Code system")
    """
    The code system, as its owner abbreviates it.
    """
    system_version: str | None = Field(None, title="Version of the code system")
    """
    Version or date of the code system.
    """


class Header(View):
    """
    Of a safetensors file of role weights or training-state: its first bytes, length field included, with which a reader begins.
    """

    size: int = Field(..., title="Size")
    """
    Bytes: 8 and the length that the first 8 state.
    """
    digest: str = Field(..., title="Digest")
    """
    SHA-256 of these bytes.
    """


class Withheld(View):
    """
    The file is described but not in this folder.
    """

    reason: str = Field(..., title="Reason")
    """
    Why it is not here, and how to get it.
    """


class File(View):
    """
    One file of the checkpoint. Every file is listed, but for the manifest itself and its signature.
    """

    path: str = Field(..., title="Path")
    """
    Where it is.
    """
    size: int = Field(..., title="Size")
    """
    Bytes.
    """
    digest: str | None = Field(None, title="Digest")
    """
    SHA-256 of all bytes. A file with a header may leave it out: header and arrays cover every byte.
    """
    header: Header | None = Field(None, title="Header")
    """
    Of a safetensors file of role weights or training-state: its first bytes, length field included, with which a reader begins.
    """
    media_type: str = Field(..., title="Media type")
    """
    IANA media type, or the one that the field uses.
    """
    role: str = Field(..., title="Role")
    """
    What it is for.
    """
    license: str | None = Field(None, title="Licence")
    """
    SPDX expression of this file, where it is not that of the checkpoint.
    """
    withheld: Withheld | None = Field(None, title="Withheld")
    """
    The file is described but not in this folder.
    """


class PayloadItem(View):
    role: str = Field(..., title="Role")
    """
    What the file is to the model.
    """
    path: str = Field(..., title="Path")
    """
    Where it is.
    """


class Group(View):
    """
    Tensors that belong together.
    """

    id: str = Field(..., title="Id")
    """
    kind, or kind.key where there are several.
    """
    kind: str = Field(..., title="Kind")
    """
    What the tensors are; other, or a word of one's own, stands for the rest.
    """
    title: str | None = Field(None, title="Title")
    """
    What the group is, for people.
    """
    root: str | None = Field(None, title="Root")
    """
    JSON Pointer of the group's root in the state tree; empty for the whole.
    """
    files: list[str] = Field(..., title="Files")
    """
    Weights files of the group.
    """
    index: str | None = Field(None, title="Index")
    """
    Index of the shards, where the group has several files.
    """
    tensor_count: int = Field(..., title="Tensors")
    """
    Number of names, aliases included.
    """
    parameter_count: int = Field(..., title="Parameters")
    """
    Number of parameters, as in the model's parameter_count.
    """
    size: int = Field(..., title="Size")
    """
    Bytes of the stored arrays.
    """


class Part(View):
    """
    One stored array of an encoded tensor.
    """

    key: str = Field(..., title="Key")
    """
    Key in the file.
    """
    dtype: Literal[
        "BOOL",
        "U8",
        "I8",
        "U16",
        "I16",
        "U32",
        "I32",
        "U64",
        "I64",
        "F16",
        "BF16",
        "F32",
        "F64",
        "C64",
        "F8_E4M3",
        "F8_E5M2",
        "F8_E4M3FNUZ",
        "F8_E5M2FNUZ",
        "F8_E8M0",
        "F6_E2M3",
        "F6_E3M2",
        "F4",
    ] = Field(..., title="Stored data type")
    """
    Data type in the file.
    """
    shape: list[int] = Field(..., title="Stored shape")
    """
    Shape in the file.
    """
    digest: str = Field(..., title="Digest")
    """
    Of the stored bytes.
    """
    file: str = Field(..., title="File")
    """
    The weights file that holds the part.
    """


class StatePart(View):
    """
    Whether one part of the training state is there.
    """

    status: Literal["present", "partial", "absent", "not-used"] = Field(..., title="Status")
    """
    present; partial, where some of it is missing or only in the residue; absent; not-used, where the training had none.
    """
    group: str | None = Field(None, title="Group")
    """
    The group that holds its tensors.
    """
    reason: str | None = Field(None, title="Reason")
    """
    Why it is not present.
    """


class Tool(View):
    """
    What converted.
    """

    name: str = Field(..., title="Name")
    """
    Its name.
    """
    version: str = Field(..., title="Version")
    """
    Its version.
    """


class Proof(View):
    """
    What was compared with the native file after writing.
    """

    tensors: int = Field(..., title="Tensors")
    """
    Number of tensors compared, bit by bit.
    """
    bytes: int = Field(..., title="Bytes")
    """
    Number of bytes compared.
    """


class Original(View):
    native: str = Field(..., title="Native file")
    """
    Its name, one of native.files.
    """
    residue: str = Field(..., title="Residue")
    """
    File that holds its bytes that are not tensors.
    """
    extents: str = Field(..., title="Extents")
    """
    File that says where its tensors stand.
    """


class Restore(View):
    """
    Whether the native files come back byte for byte.
    """

    byte_exact: Literal["proven", "not-kept"] = Field(..., title="Byte-exact")
    """
    proven, where splicing residue and tensors gave the very native files when this was written; not-kept, where the residue was left out.
    """
    cost: str | None = Field(None, title="Cost")
    """
    What it costs that the native files were not kept.
    """
    originals: list[Original] | None = Field(None, title="Originals")
    """
    The native files that come back.
    """


class NativeFile(View):
    path: str = Field(..., title="Path")
    """
    Name of the native file, relative to what was converted.
    """
    size: int = Field(..., title="Size")
    """
    Bytes.
    """
    digest: str = Field(..., title="SHA-256")
    """
    Its digest.
    """


class ConvertedPart(View):
    what: str = Field(..., title="What")
    """
    Name of the part.
    """
    status: Literal["kept", "transformed", "dropped", "residue", "absent"] = Field(..., title="Status")
    """
    kept; transformed; dropped; residue (only in the native bytes); absent.
    """
    reason: str | None = Field(None, title="Reason")
    """
    Why, where it is not kept.
    """
    count: int | None = Field(None, title="Count")
    """
    Number of tensors or values.
    """
    size: int | None = Field(None, title="Size")
    """
    Bytes.
    """


class Optimizer(View):
    """
    The optimizer and its parameters.
    """

    name: str = Field(..., title="Name")
    """
    Name of the optimizer.
    """
    config: dict[str, Any] | None = Field(None, title="Configuration")
    """
    Its parameters.
    """


class Split(View):
    """
    How the samples were chosen.
    """

    id: str | None = Field(None, title="Id")
    """
    Name of the split.
    """
    scheme: str | None = Field(None, title="Scheme")
    """
    How it was made.
    """
    digest: str | None = Field(None, title="Digest")
    """
    SHA-256 of the file that lists its members, which lies with the data: nobody compares it here.
    """


class Dataset(View):
    """
    Data that the model was made or judged with.
    """

    identifier: Identifier | None = Field(None, title="Identifier")
    """
    Where it is.
    """
    name: str | None = Field(None, title="Name")
    """
    Its name.
    """
    version: str | None = Field(None, title="Version")
    """
    Its version or date.
    """
    role: str = Field(..., title="Role")
    """
    What it was used for.
    """
    split: Split | None = Field(None, title="Split")
    """
    How the samples were chosen.
    """
    n_samples: int | None = Field(None, title="Samples")
    """
    Number of samples.
    """
    n_patients: int | None = Field(None, title="Patients")
    """
    Number of patients.
    """


class Quantity(View):
    """
    A number with its unit.
    """

    value: float = Field(..., title="Value")
    """
    The number.
    """
    unit: str = Field(..., title="Unit")
    """
    The unit, as UCUM writes it (https://ucum.org).
    """


class Interval(View):
    """
    Interval of confidence.
    """

    lower: float = Field(..., title="Lower end")
    """
    Its lower end.
    """
    upper: float = Field(..., title="Upper end")
    """
    Its upper end.
    """
    level: float = Field(..., title="Level")
    """
    Its level.
    """
    method: str | None = Field(None, title="Method")
    """
    How it was made.
    """


class Metric(View):
    """
    What was measured.
    """

    id: str = Field(..., title="Id")
    """
    Name of the metric, see vocabularies/metrics.json. auc alone is refused: say auc-roc or auc-pr; the area under a dose-response curve is a response, not a metric.
    """
    name: str | None = Field(None, title="Name")
    """
    The metric in words.
    """
    direction: Literal["maximize", "minimize"] = Field(..., title="Direction")
    """
    Which values are better.
    """
    params: dict[str, Any] | None = Field(None, title="Parameters")
    """
    What else is needed to repeat it.
    """


class Lineage(View):
    """
    Place in a training run.
    """

    run_id: str | None = Field(None, title="Run")
    """
    Id of the run.
    """
    attempt: int | None = Field(None, title="Attempt")
    """
    Number of the attempt, from 1: a restart is a new one.
    """
    parent_digest: str | None = Field(None, title="Parent")
    """
    state_digest of the checkpoint before this one.
    """
    series: str | None = Field(None, title="Series")
    """
    Name of the series.
    """
    parent_run: str | None = Field(None, title="Parent run")
    """
    run_id of the run whose checkpoint this run started from: a warm start, a parent in a tree of runs.
    """
    parent_checkpoint: str | None = Field(None, title="Parent checkpoint")
    """
    state_digest of the checkpoint of the parent run from which this run started.
    """
    node: str | None = Field(None, title="Node")
    """
    Id of this run in the workflow that started it.
    """
    experiment: str | None = Field(None, title="Experiment")
    """
    Id of the workflow's experiment.
    """


class Tolerance(View):
    """
    Largest difference: atol + rtol x expected.
    """

    rtol: float = Field(..., title="Relative")
    """
    Relative tolerance.
    """
    atol: float = Field(..., title="Absolute")
    """
    Absolute tolerance.
    """


class Vector(View):
    inputs: str = Field(..., title="Inputs")
    """
    File with one tensor for each input, by its id.
    """
    outputs: str = Field(..., title="Outputs")
    """
    File with one tensor for each output, by its id.
    """
    tolerance: Tolerance | None = Field(None, title="Tolerance")
    """
    Largest difference: atol + rtol x expected.
    """


class Environment(View):
    """
    Software and machine.
    """

    python: str | None = Field(None, title="Python")
    """
    Version of Python.
    """
    packages: dict[str, str] | None = Field(None, title="Packages")
    """
    Versions by package name.
    """
    platform: str | None = Field(None, title="Platform")
    """
    System and processor.
    """
    accelerator: str | None = Field(None, title="Accelerator")
    """
    Device and driver.
    """
    container: str | None = Field(None, title="Container")
    """
    Image, by digest.
    """


class DataGovernance(View):
    """
    Under which terms the data behind the model may be used.
    """

    access: str | None = Field(None, title="Access")
    """
    Who may have the data.
    """
    consent: str | None = Field(None, title="Consent")
    """
    What the donors consented to.
    """
    accession: list[str] | None = Field(None, title="Accessions")
    """
    Accession numbers in the archives that give access.
    """
    deidentification: str | None = Field(None, title="De-identification")
    """
    How the data were de-identified.
    """
    duo: list[str] | None = Field(None, title="Data use")
    """
    Terms of the Data Use Ontology (https://obofoundry.org/ontology/duo).
    """


class InertPickleItem(View):
    file: str = Field(..., title="File")
    """
    Native file.
    """
    member: str | None = Field(None, title="Member")
    """
    Place in it.
    """
    imports: list[str] = Field(..., title="Imports")
    """
    Names that unpickling would import.
    """
    unknown_imports: list[str] = Field(..., title="Unknown imports")
    """
    Those that are not known to be harmless.
    """


class EmbeddedCode(View):
    """
    Program code that the model holds or needs.
    """

    path: str | None = Field(None, title="Path")
    """
    The file of this checkpoint that holds or names it; absent where only the native bytes do.
    """
    kind: str = Field(..., title="Kind")
    """
    What it is.
    """
    description: str | None = Field(None, title="Description")
    """
    What is known of it.
    """


class Migration(View):
    from_: str = Field(..., alias="from", title="From")
    """
    The version that it had.
    """
    date: str = Field(..., title="Date")
    """
    When it was migrated.
    """
    tool: Tool = Field(..., title="Tool")
    """
    What migrated it.
    """
    manifest_digest: str | None = Field(None, title="Digest of the manifest")
    """
    The seal that it had, by which others may know it.
    """


class Person(View):
    """
    A person, or an organisation in the place of one.
    """

    name: str = Field(..., title="Name")
    """
    The name as it shall be shown; for an organisation its full name.
    """
    given_name: str | None = Field(None, title="Given name")
    """
    Given name, for citations.
    """
    family_name: str | None = Field(None, title="Family name")
    """
    Family name, for citations.
    """
    orcid: str | None = Field(None, title="ORCID iD")
    """
    ORCID iD, bare or as a URL; its check digit is verified at level L2.
    """
    affiliation: list[Organisation] | None = Field(None, title="Affiliation")
    """
    Organisations to which the person belongs.
    """
    email: str | None = Field(None, title="E-mail")
    """
    Address for questions about this work; it is published with the manifest.
    """


class Model(View):
    """
    What the model is.
    """

    task: str | None = Field(None, title="Task")
    """
    What it does, in the field's words.
    """
    domain: str | None = Field(None, title="Domain")
    """
    Field in which it does it.
    """
    architecture: str | None = Field(None, title="Architecture")
    """
    Name of the network.
    """
    architecture_family: str | None = Field(None, title="Architecture family")
    """
    Kind of network.
    """
    framework: Framework = Field(..., title="Framework")
    """
    What wrote the native checkpoint.
    """
    implementation: Implementation | None = Field(None, title="Implementation")
    """
    The code that makes the network.
    """
    topology: list[TopologyItem] | None = Field(None, title="Topology")
    """
    Files that rebuild the network without its code.
    """
    parameter_count: int | None = Field(None, title="Parameters")
    """
    Number of parameters of the model groups: elements of numeric tensors that are no buffers, tied ones once.
    """
    precision: (
        list[
            Literal[
                "BOOL",
                "U8",
                "I8",
                "U16",
                "I16",
                "U32",
                "I32",
                "U64",
                "I64",
                "F16",
                "BF16",
                "F32",
                "F64",
                "C64",
                "F8_E4M3",
                "F8_E5M2",
                "F8_E4M3FNUZ",
                "F8_E5M2FNUZ",
                "F8_E8M0",
                "F6_E2M3",
                "F6_E3M2",
                "F4",
                "C128",
                "C32",
                "F80",
                "F128",
                "F8_E3M4",
                "F8_E4M3B11FNUZ",
                "I4",
                "U4",
                "I2",
                "U2",
                "QI8",
                "QU8",
                "QI32",
                "QU4",
                "QU2",
                "STR",
                "BYTES",
                "STRUCT",
            ]
        ]
        | None
    ) = Field(None, title="Precision")
    """
    Data types of the model's parameters; plain integers may be left out.
    """


class Input(View):
    """
    One input of the model.
    """

    id: str = Field(..., title="Id")
    """
    Name by which the model knows it.
    """
    title: str | None = Field(None, title="Title")
    """
    What it is, for people.
    """
    description: str | None = Field(None, title="Description")
    """
    What it is, at length.
    """
    kind: str | None = Field(None, title="Kind")
    """
    Kind of data.
    """
    dtype: (
        Literal[
            "BOOL",
            "U8",
            "I8",
            "U16",
            "I16",
            "U32",
            "I32",
            "U64",
            "I64",
            "F16",
            "BF16",
            "F32",
            "F64",
            "C64",
            "F8_E4M3",
            "F8_E5M2",
            "F8_E4M3FNUZ",
            "F8_E5M2FNUZ",
            "F8_E8M0",
            "F6_E2M3",
            "F6_E3M2",
            "F4",
            "C128",
            "C32",
            "F80",
            "F128",
            "F8_E3M4",
            "F8_E4M3B11FNUZ",
            "I4",
            "U4",
            "I2",
            "U2",
            "QI8",
            "QU8",
            "QI32",
            "QU4",
            "QU2",
            "STR",
            "BYTES",
            "STRUCT",
        ]
        | None
    ) = Field(None, title="Data type")
    """
    Data type of the array.
    """
    axes: list[Axis] | None = Field(None, title="Axes")
    """
    Axes of the array, in order.
    """
    unit: str | None = Field(None, title="Unit")
    """
    Unit of the values, as UCUM writes it.
    """
    optional: bool | None = Field(None, title="Optional")
    """
    Whether the model runs without it.
    """
    range: Range | None = Field(None, title="Range")
    """
    Smallest and largest value.
    """
    missing_values: str | None = Field(None, title="Missing values")
    """
    How missing values are given, or that there may be none.
    """
    feature_list: FeatureList | None = Field(None, title="Feature list")
    """
    The ordered features along the last axis.
    """
    preprocessing: list[Preprocessing] | None = Field(None, title="Preprocessing")
    """
    Steps from the raw data to this input, in order.
    """


class Label(View):
    """
    What one position (or value) of an output means.
    """

    value: int | str | bool = Field(..., title="Value")
    """
    Position or value in the output.
    """
    name: str = Field(..., title="Name")
    """
    What it means, in words.
    """
    code: CodedTerm | None = Field(None, title="Code")
    """
    The same as a coded term.
    """


class Encoding(View):
    """
    A name of the table of encodings in spec.md, its parameters and its stored parts.
    """

    name: Literal[
        "complex_pairs",
        "quantized",
        "sparse_coo",
        "sparse_csr",
        "sparse_csc",
        "sparse_bsr",
        "sparse_bsc",
        "packed",
        "raw",
        "strings",
        "structured",
    ] = Field(..., title="Name")
    """
    Name of the encoding. Closed: a reader must know each of them.
    """
    params: dict[str, Any] | None = Field(None, title="Parameters")
    """
    Parameters that the table of encodings in spec.md gives the encoding, and no others: axis, bits, blocksize, byte_order, coalesced, fields, item_size, order, scheme, text, width.
    """
    parts: dict[str, Part] = Field(..., title="Parts")
    """
    The stored arrays by the names that the table of encodings in spec.md gives them: values, and where the encoding has them scales and zero_points, indices, compressed and plain, bytes and offsets; of records the names of the fields.
    """


class StateParts(View):
    """
    The parts of the training state, one by one.
    """

    optimizer: StatePart | None = Field(None, title="Optimizer")
    """
    Moments and counters of the optimizer.
    """
    scheduler: StatePart | None = Field(None, title="Scheduler")
    """
    State of the learning rate schedule.
    """
    scaler: StatePart | None = Field(None, title="Loss scaler")
    """
    State of the mixed-precision loss scaler.
    """
    rng: StatePart | None = Field(None, title="Random generators")
    """
    States of the random number generators.
    """
    sampler: StatePart | None = Field(None, title="Sampler")
    """
    Position in the data.
    """
    metric: StatePart | None = Field(None, title="Metrics")
    """
    State of the metrics.
    """


class Native(View):
    """
    What was converted.
    """

    format: str = Field(..., title="Format")
    """
    Name of the converter that read it.
    """
    variant: str | None = Field(None, title="Variant")
    """
    Dialect of the format.
    """
    title: str | None = Field(None, title="Title")
    """
    The format in the field's words.
    """
    written: str | None = Field(None, title="Written")
    """
    When, as the native file says it.
    """
    files: list[NativeFile] = Field(..., title="Files")
    """
    The native files.
    """
    digest: str = Field(..., title="Digest")
    """
    SHA-256 of the single file; of several: digest of the sorted list of [path, size, sha256].
    """


class Conversion(View):
    """
    What was converted, what was kept and dropped, and what was proved.
    """

    tool: Tool = Field(..., title="Tool")
    """
    What converted.
    """
    native: Native = Field(..., title="Native checkpoint")
    """
    What was converted.
    """
    parts: list[ConvertedPart] = Field(..., title="Parts")
    """
    What became of each part of the native checkpoint.
    """
    proof: Proof = Field(..., title="Proof")
    """
    What was compared with the native file after writing.
    """
    restore: Restore = Field(..., title="Restore")
    """
    Whether the native files come back byte for byte.
    """


class Compute(View):
    """
    What it took.
    """

    hardware: str | None = Field(None, title="Hardware")
    """
    Devices.
    """
    site: str | None = Field(None, title="Site")
    """
    Where.
    """
    energy: Quantity | None = Field(None, title="Energy")
    """
    Energy used.
    """
    emissions: Quantity | None = Field(None, title="Emissions")
    """
    Carbon dioxide equivalents.
    """


class Training(View):
    """
    How the model was trained.
    """

    datasets: list[Dataset] | None = Field(None, title="Datasets")
    """
    Data used, by role.
    """
    hyperparameters: dict[str, Any] | None = Field(None, title="Hyperparameters")
    """
    Free JSON.
    """
    optimizer: Optimizer | None = Field(None, title="Optimizer")
    """
    The optimizer and its parameters.
    """
    loss: Any | None = Field(None, title="Loss")
    """
    Name of the loss, or its description as free JSON (by output, with parameters).
    """
    epochs: int | None = Field(None, title="Epochs")
    """
    Number of epochs of the whole training.
    """
    seed: Any | None = Field(None, title="Seed")
    """
    Seed of the random generators.
    """
    compute: Compute | None = Field(None, title="Compute")
    """
    What it took.
    """
    duration_seconds: float | None = Field(None, title="Duration")
    """
    Seconds.
    """


class Evaluation(View):
    """
    One measured value.
    """

    metric: Metric = Field(..., title="Metric")
    """
    What was measured.
    """
    value: Any = Field(..., title="Value")
    """
    The value.
    """
    interval: Interval | None = Field(None, title="Interval")
    """
    Interval of confidence.
    """
    target: str | None = Field(None, title="Target")
    """
    What was predicted: an output, a label, a response.
    """
    dataset: str | None = Field(None, title="Dataset")
    """
    Name of the data.
    """
    split: str | None = Field(None, title="Split")
    """
    Which part of the data.
    """
    slice: str | None = Field(None, title="Slice")
    """
    Which subgroup.
    """
    n: int | None = Field(None, title="n")
    """
    Number of samples.
    """
    threshold: float | None = Field(None, title="Threshold")
    """
    Threshold at which a score becomes a class.
    """
    date: str | None = Field(None, title="Date")
    """
    When.
    """
    source: str | None = Field(None, title="Source")
    """
    Where the value is from.
    """


class Verification(View):
    """
    Inputs and expected outputs, to prove that the model does what it did.
    """

    vectors: list[Vector] = Field(..., title="Vectors")
    """
    Pairs of inputs and expected outputs.
    """
    environment: Environment | None = Field(None, title="Environment")
    """
    Where the expected outputs were made.
    """


class Security(View):
    """
    What of the native checkpoint could run code if it were loaded by its framework; nothing of it was run.
    """

    inert_pickle: list[InertPickleItem] | None = Field(None, title="Inert pickles")
    """
    Pickles in the native files (and so in the residue).
    """
    embedded_code: list[EmbeddedCode] | None = Field(None, title="Embedded code")
    """
    Program code that the model holds or needs.
    """


class Output(View):
    """
    One output of the model.
    """

    id: str = Field(..., title="Id")
    """
    Name by which the model knows it.
    """
    title: str | None = Field(None, title="Title")
    """
    What it is, for people.
    """
    description: str | None = Field(None, title="Description")
    """
    What it is, at length.
    """
    kind: str | None = Field(None, title="Kind")
    """
    Kind of data.
    """
    dtype: (
        Literal[
            "BOOL",
            "U8",
            "I8",
            "U16",
            "I16",
            "U32",
            "I32",
            "U64",
            "I64",
            "F16",
            "BF16",
            "F32",
            "F64",
            "C64",
            "F8_E4M3",
            "F8_E5M2",
            "F8_E4M3FNUZ",
            "F8_E5M2FNUZ",
            "F8_E8M0",
            "F6_E2M3",
            "F6_E3M2",
            "F4",
            "C128",
            "C32",
            "F80",
            "F128",
            "F8_E3M4",
            "F8_E4M3B11FNUZ",
            "I4",
            "U4",
            "I2",
            "U2",
            "QI8",
            "QU8",
            "QI32",
            "QU4",
            "QU2",
            "STR",
            "BYTES",
            "STRUCT",
        ]
        | None
    ) = Field(None, title="Data type")
    """
    Data type of the array.
    """
    axes: list[Axis] | None = Field(None, title="Axes")
    """
    Axes of the array, in order.
    """
    unit: str | None = Field(None, title="Unit")
    """
    Unit of the values, as UCUM writes it.
    """
    optional: bool | None = Field(None, title="Optional")
    """
    Whether the model runs without it.
    """
    range: Range | None = Field(None, title="Range")
    """
    Smallest and largest value.
    """
    missing_values: str | None = Field(None, title="Missing values")
    """
    How missing values are given, or that there may be none.
    """
    labels: list[Label] | None = Field(None, title="Labels")
    """
    Meaning of the positions (or values) of the output.
    """
    postprocessing: list[Preprocessing] | None = Field(None, title="Postprocessing")
    """
    Steps from this output to the result, in order.
    """


class Tensor(View):
    """
    One name of the checkpoint: a plain tensor stands in a file under its name, an alias shares the bytes of another, an encoded tensor is stored in parts.
    """

    group: str = Field(..., title="Group")
    """
    Id of the group to which the tensor belongs.
    """
    name: str | dict[str, Any] = Field(..., title="Name")
    """
    Native name, relative to the root of its group; any text that the native checkpoint used.
    """
    dtype: Literal[
        "BOOL",
        "U8",
        "I8",
        "U16",
        "I16",
        "U32",
        "I32",
        "U64",
        "I64",
        "F16",
        "BF16",
        "F32",
        "F64",
        "C64",
        "F8_E4M3",
        "F8_E5M2",
        "F8_E4M3FNUZ",
        "F8_E5M2FNUZ",
        "F8_E8M0",
        "F6_E2M3",
        "F6_E3M2",
        "F4",
        "C128",
        "C32",
        "F80",
        "F128",
        "F8_E3M4",
        "F8_E4M3B11FNUZ",
        "I4",
        "U4",
        "I2",
        "U2",
        "QI8",
        "QU8",
        "QI32",
        "QU4",
        "QU2",
        "STR",
        "BYTES",
        "STRUCT",
    ] = Field(..., title="Data type")
    """
    Logical data type.
    """
    shape: list[int] = Field(..., title="Shape")
    """
    Number of elements along each axis; empty for a scalar.
    """
    digest: str = Field(..., title="Digest")
    """
    Of the little-endian row-major bytes; of an encoded tensor: of the canonical JSON of its encoding, parameters and parts; of an alias: its target's.
    """
    file: str | None = Field(None, title="File")
    """
    The weights file that holds a plain tensor; absent for aliases and encoded tensors.
    """
    key: str | None = Field(None, title="Key")
    """
    Key in that file, where it is not the name.
    """
    alias_of: list[str | dict[str, Any]] | None = Field(None, title="Alias of")
    """
    Group and name of the tensor whose bytes this name shares (tied weights).
    """
    encoding: Encoding | None = Field(None, title="Encoding")
    """
    How a tensor that safetensors has no data type for is stored.
    """
    role: str | None = Field(None, title="Role")
    """
    Whether it is trained (parameter), follows the training (buffer), or is neither (constant: a shape, an index, a label, the structure of a tree).
    """
    label: str | None = Field(None, title="Label")
    """
    A readable name, where the native one is not.
    """
    attributes: dict[str, Any] | None = Field(None, title="Attributes")
    """
    What else the native checkpoint said of the tensor.
    """


class TrainingState(View):
    """
    What there is to go on training from here.
    """

    epoch: int | None = Field(None, title="Epoch")
    """
    Epochs completed, or the number that the native checkpoint states.
    """
    step: int | None = Field(None, title="Step")
    """
    Optimizer steps completed.
    """
    metrics: dict[str, Any] | None = Field(None, title="Metrics of the moment")
    """
    What the training measured at this moment, by its own names.
    """
    resume_grade: Literal["inference-only", "fine-tunable", "exactly-resumable"] = Field(..., title="Resume grade")
    """
    How far a training can go on from here; derived from the parts.
    """
    parts: StateParts = Field(..., title="Parts")
    """
    The parts of the training state, one by one.
    """
    state_tree: str | None = Field(None, title="State tree")
    """
    File that holds the native structure as typed JSON.
    """


class Weights(View):
    """
    The tensors of the checkpoint (kind tensors), or the native files that are themselves the model (kind payload).
    """

    kind: Literal["tensors", "payload"] = Field(..., title="Kind")
    """
    tensors; or payload, where a native text or file is itself the model (boosters, opaque models).
    """
    format: Literal["safetensors"] | None = Field(None, title="Format")
    """
    How tensors are stored.
    """
    content_digest: str = Field(..., title="Content digest")
    """
    Identity of the model: of the names, types, shapes and digests of its tensors, or of its payload files and the tensors of the model beside them.
    """
    values_digest: str | None = Field(None, title="Values digest")
    """
    The same without names: finds equal weights under other names.
    """
    state_digest: str | None = Field(None, title="State digest")
    """
    Identity of all groups together, training state included.
    """
    groups: list[Group] | None = Field(None, title="Groups")
    """
    The groups of tensors.
    """
    tensors: list[Tensor] | None = Field(None, title="Tensors")
    """
    One entry for every name, in the native order; up to 2,000.
    """
    inventory: list[str] | None = Field(None, title="Inventory")
    """
    The files that hold the inventory, one after the other, where it is not here.
    """
    payload: list[PayloadItem] | None = Field(None, title="Payload")
    """
    The native files that are the model.
    """


class Manifest(View):
    """
    candle-checkpoint.json: the description of one checkpoint in the common format for machine-learning models in cancer research. Required is only what can always be known; the rest is demanded by the template that needs it.
    """

    schema_id: str = Field(..., alias="$schema", title="Schema identifier")
    """
    Names the schema that this document follows; must agree with schema_version.
    """
    schema_version: str = Field(..., title="Schema version")
    """
    Version of the schema, authoritative: major.minor.patch, with -dev.N until it is frozen.
    """
    requires: list[str] | None = Field(None, title="Requires")
    """
    Exactly the features that this checkpoint uses and a reader must know to read it: names of the registry of features, or URIs of others' features.
    """
    conforms_to: list[str] | None = Field(None, title="Conforms to")
    """
    URIs of the profiles and extensions that the manifest claims to follow.
    """
    identifiers: list[Identifier] | None = Field(None, title="Identifiers")
    """
    Names of this checkpoint in schemes that others can resolve.
    """
    name: str = Field(..., title="Name")
    """
    Short name of the model.
    """
    version: str | None = Field(None, title="Version")
    """
    Version of the model, as its authors count.
    """
    title: str | None = Field(None, title="Title")
    """
    What it is, on one line.
    """
    description: str | None = Field(None, title="Description")
    """
    What it is, at length.
    """
    keywords: list[str] | None = Field(None, title="Keywords")
    """
    Words to find it by.
    """
    license: License | None = Field(None, title="Licences")
    """
    Licences of the weights, of the code, of the data, each an SPDX expression.
    """
    creators: list[Person] | None = Field(None, title="Creators")
    """
    Who made it, in the order of citation.
    """
    contributors: list[Contributor] | None = Field(None, title="Contributors")
    """
    Who else contributed, and what.
    """
    contact: Contact | None = Field(None, title="Contact")
    """
    Whom to ask.
    """
    funding: list[FundingItem] | None = Field(None, title="Funding")
    """
    Who paid.
    """
    citation: str | None = Field(None, title="Citation")
    """
    How to cite it, as text.
    """
    dates: Dates = Field(..., title="Dates")
    """
    When things happened, in UTC.
    """
    related_identifiers: list[RelatedIdentifier] | None = Field(None, title="Related things")
    """
    Papers, data, software: how this relates to them, in DataCite's terms.
    """
    base_models: list[BaseModelEntry] | None = Field(None, title="Base models")
    """
    Models from which this one was made.
    """
    model: Model = Field(..., title="Model")
    """
    What the model is.
    """
    inputs: list[Input] | None = Field(None, title="Inputs")
    """
    The model's inputs, in order.
    """
    outputs: list[Output] | None = Field(None, title="Outputs")
    """
    The model's outputs, in order.
    """
    files: list[File] = Field(..., title="Files")
    """
    Every file of the checkpoint, but for the manifest itself and its signature.
    """
    weights: Weights = Field(..., title="Weights")
    """
    The tensors, or the payload.
    """
    training_state: TrainingState | None = Field(None, title="Training state")
    """
    What there is to go on training from here.
    """
    conversion: Conversion | None = Field(None, title="Conversion")
    """
    The certificate, where the checkpoint was converted from a native one.
    """
    migrations: list[Migration] | None = Field(None, title="Migrations")
    """
    How this manifest came to its version, where it was written in an older one; the oldest first.
    """
    training: Training | None = Field(None, title="Training")
    """
    How the model was trained.
    """
    evaluations: list[Evaluation] | None = Field(None, title="Evaluation")
    """
    Measured values.
    """
    lineage: Lineage | None = Field(None, title="Lineage")
    """
    Place in a training run.
    """
    verification: Verification | None = Field(None, title="Verification")
    """
    Inputs and expected outputs.
    """
    intended_use: str | None = Field(None, title="Intended use")
    """
    What it is for, and for whom.
    """
    out_of_scope_use: str | None = Field(None, title="Out of scope")
    """
    What it must not be used for.
    """
    limitations: str | None = Field(None, title="Limitations")
    """
    Where it fails, or was never tried.
    """
    risks: str | None = Field(None, title="Risks")
    """
    What harm it could do.
    """
    data_governance: DataGovernance | None = Field(None, title="Data governance")
    """
    Terms of the data behind the model.
    """
    environment: Environment | None = Field(None, title="Environment")
    """
    Software and machine of the training.
    """
    security: Security | None = Field(None, title="Security")
    """
    What of the native checkpoint could run code.
    """
    field_sources: list[FieldSource] | None = Field(None, title="Field sources")
    """
    Where values of this manifest came from; an entry whose digest no longer fits is stale.
    """
    extensions: dict[str, dict[str, Any]] | None = Field(None, title="Extensions")
    """
    Objects of extensions, each under the URI of its schema.
    """
    manifest_digest: str | None = Field(None, title="Manifest digest")
    """
    The seal: digest of the canonical JSON of this manifest without this member.
    """
