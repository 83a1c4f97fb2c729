"""Rebuilds a backup as a private file, from the first artifact that is good, and checks it there."""

from dataclasses import dataclass
from pathlib import Path

from shared.catalog.paths import manifests_below
from shared.catalog.verdicts import Opened
from shared.clock import rfc3339
from shared.continuous.path import Parents
from shared.errors import NotGood, StoreError
from shared.model.manifest import Artifact, Manifest
from shared.model.names import Format
from shared.operations.restore.options import Proven, RestoreOptions
from shared.operations.verify.check import Check
from shared.operations.verify.child import INSIDE, check_quick, prove
from shared.operations.verify.identity import EarlierProof, earlier_proof, read_back
from shared.operations.verify.rebuild import none_usable, rebuild, rebuild_image
from shared.runtime.confined import Confined
from shared.runtime.progress import Progress

# The page image first: it only has to be read, while SQL has to run.
_FASTEST_FIRST = (Format.SQLITE, Format.PAGES, Format.SQL)


@dataclass(frozen=True)
class Rebuilt:
    """The rebuilt file, its artifact, and its checks. `proof` is None if none was requested."""

    path: Path
    artifact: Artifact
    notes: list[str]
    checks: list[Check]
    proof: Proven | None


def first_present(options: RestoreOptions, manifest: Manifest) -> Artifact:
    """Returns the artifact that a restore would read first. Raises NotGood if none is stored in its recorded size."""
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
    """Rebuilds the database below `scratch`. Raises NotGood or StoreError if no artifact is good."""
    rebuilder = _Rebuilder(options, manifest, opened, progress)
    failures: list[NotGood | StoreError] = []
    for artifact in _artifacts(manifest):
        path = scratch / f"{artifact.format}.sqlite"
        try:
            rebuilt = rebuilder.rebuild(artifact, path)
        except (NotGood, StoreError) as error:
            failures.append(error)
            path.unlink(missing_ok=True)
            continue
        rebuilt.notes[:0] = [f"{failure}; {artifact.object} was used instead" for failure in failures]
        return rebuilt
    raise none_usable(manifest, failures)


def _artifacts(manifest: Manifest) -> list[Artifact]:
    return [artifact for form in _FASTEST_FIRST if (artifact := manifest.artifact(form))]


@dataclass(frozen=True)
class _Rebuilder:
    """Rebuilds one backup from any of its artifacts."""

    options: RestoreOptions
    manifest: Manifest
    opened: Opened
    progress: Progress

    def rebuild(self, artifact: Artifact, path: Path) -> Rebuilt:
        """Makes the file `path` of the artifact, checked. Raises NotGood or StoreError."""
        options, manifest, progress = self.options, self.manifest, self.progress
        store, data_key = options.catalog.store, self.opened.data_key
        if artifact.format is Format.SQLITE and options.prove and not options.prove_again:
            earlier = earlier_proof(options.catalog, options.backup, self.opened)
            if earlier is not None:
                rebuild_image(store, manifest, artifact, data_key, path, progress=progress)
                read_back(path, artifact, progress)
                return _by_identity(path, artifact, earlier)
        with Confined(INSIDE) as child:
            parents = Parents(options.key, manifests_below(options.backup))
            rebuild(store, manifest, artifact, data_key, path, child, parents=parents, progress=progress)
            return self._checked(child, path, artifact)

    def _checked(self, child: Confined, path: Path, artifact: Artifact) -> Rebuilt:
        """Checks the file against the manifest, or with `options.prove` by the full proof. Raises NotGood."""
        manifest = self.manifest
        if not manifest.integrity.good:
            # A backup of a damaged database, requested by its id: there is nothing to check its pages against.
            return Rebuilt(path, artifact, [], [], None)
        proof = None
        if self.options.prove:
            proof = prove(child, path, manifest, artifact.format, progress=self.progress)
        checks = proof.checks if proof else check_quick(child, path, manifest)
        failed = [check for check in checks if not check.ok]
        if failed:
            raise NotGood(f"{manifest.id} does not match its manifest: {'; '.join(check.detail for check in failed)}")
        notes = _damage(proof.source_damage) if proof else []
        return Rebuilt(path, artifact, notes, checks, Proven("full") if proof else None)


def _by_identity(path: Path, artifact: Artifact, earlier: EarlierProof) -> Rebuilt:
    detail = f"the bytes that passed the full proof at {rfc3339(earlier.verified_at)}: SHA-256 {artifact.plain_sha256}"
    proof = Proven("identity", artifact.plain_sha256, earlier.verdict, rfc3339(earlier.verified_at))
    return Rebuilt(path, artifact, _damage(earlier.source_damage), [Check("identity", ok=True, detail=detail)], proof)


def _damage(found: str | None) -> list[str]:
    return [f"restored as it was, the source is damaged: {found}"] if found else []
