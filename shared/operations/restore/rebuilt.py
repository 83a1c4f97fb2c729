"""The private file that a restore puts in its place: made of the first artifact that is good, and proven there."""

from dataclasses import dataclass
from pathlib import Path

from shared.catalog.paths import manifests_below
from shared.catalog.verdicts import Opened
from shared.clock import rfc3339
from shared.continuous.path import Below
from shared.errors import NotGood, StoreError
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.restore.options import Proven, RestoreOptions
from shared.operations.verify.check import Check
from shared.operations.verify.child import INSIDE, hold, prove
from shared.operations.verify.identity import EarlierProof, earlier_proof, read_back
from shared.operations.verify.rebuild import none_usable, rebuild, rebuild_image
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress

# The page image first: it is there as fast as it can be read, while SQL has to be run.
_FASTEST_FIRST = (Format.SQLITE, Format.PAGES, Format.SQL)


@dataclass(frozen=True)
class Rebuilt:
    """The file, what it was made of, and what is known of it. `proof` is None when none was asked for."""

    path: Path
    artifact: Artifact
    notes: list[str]
    checks: list[Check]
    proof: Proven | None


def first_present(options: RestoreOptions, manifest: Manifest) -> Artifact:
    """The artifact that a restore would read first. Raises NotGood when the store has none in its size."""
    sizes = {item.name: item.size_bytes for item in options.catalog.store.list_objects(manifest.name.prefix)}
    for artifact in _artifacts(manifest):
        if sizes.get(artifact.object) == artifact.size_bytes:
            return artifact
    raise NotGood(
        f"cannot restore {manifest.id}: none of its artifacts is in the store as recorded; use another backup"
    )


def rebuild_first_good(
    options: RestoreOptions, manifest: Manifest, opened: Opened, scratch: Path, progress: Progress
) -> Rebuilt:
    """Makes the file below `scratch`. Raises NotGood or StoreError when no artifact is good."""
    failures: list[NotGood | StoreError] = []
    for artifact in _artifacts(manifest):
        path = scratch / f"{artifact.format}.sqlite"
        try:
            rebuilt = _rebuild(options, manifest, opened, artifact, path, progress)
        except (NotGood, StoreError) as error:
            failures.append(error)
            path.unlink(missing_ok=True)
            continue
        instead = [f"{failure}; {artifact.object} was used instead" for failure in failures]
        rebuilt.notes[:0] = instead
        return rebuilt
    raise none_usable(manifest, failures)


def _artifacts(manifest: Manifest) -> list[Artifact]:
    return [artifact for form in _FASTEST_FIRST if (artifact := manifest.artifact(form))]


def _rebuild(
    options: RestoreOptions, manifest: Manifest, opened: Opened, artifact: Artifact, path: Path, progress: Progress
) -> Rebuilt:
    store, data_key = options.catalog.store, opened.data_key
    if artifact.format is Format.SQLITE and options.prove and not options.prove_again:
        earlier = earlier_proof(options.catalog, options.backup, opened)
        if earlier is not None:
            rebuild_image(store, manifest, artifact, data_key, path, progress=progress)
            read_back(path, artifact, progress)
            return _by_identity(path, artifact, earlier)
    with Confined(INSIDE) as child:
        below = Below(options.key, manifests_below(options.backup))
        rebuild(store, manifest, artifact, data_key, path, child, below=below, progress=progress)
        return _held(child, path, artifact, manifest, options, progress)


def _by_identity(path: Path, artifact: Artifact, earlier: EarlierProof) -> Rebuilt:
    detail = f"the bytes that passed the full proof at {rfc3339(earlier.verified_at)}: SHA-256 {artifact.plain_sha256}"
    proof = Proven("identity", artifact.plain_sha256, earlier.verdict, rfc3339(earlier.verified_at))
    return Rebuilt(path, artifact, _damage(earlier.source_damage), [Check("identity", ok=True, detail=detail)], proof)


def _held(
    child: Confined, path: Path, artifact: Artifact, manifest: Manifest, options: RestoreOptions, progress: Progress
) -> Rebuilt:
    """The file compared with the manifest, or with `options.prove` proven by the whole ladder. Raises NotGood."""
    if not manifest.integrity.good:
        # Asked for by its id, taken of a damaged database: its pages are all there is to hold it to.
        return Rebuilt(path, artifact, [], [], None)
    proof = prove(child, path, manifest, artifact.format, progress=progress) if options.prove else None
    checks = proof.checks if proof else hold(child, path, manifest)
    failed = [check for check in checks if not check.ok]
    if failed:
        raise NotGood(f"{manifest.id} came back different: {'; '.join(check.detail for check in failed)}")
    notes = _damage(proof.source_damage) if proof else []
    return Rebuilt(path, artifact, notes, checks, Proven("full") if proof else None)


def _damage(found: str | None) -> list[str]:
    return [f"restored as it was, the source is damaged: {found}"] if found else []
