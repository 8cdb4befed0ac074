"""What a reader must know before quoting a number of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dice_ros.report.recording import Recording
from dice_ros.report.wording import counted, duration, share
from dice_ros.types import ContactSource, DeformationSource, ScaleSource

_LONG_ENOUGH_S = 600.0
_CONTACT = {
    ContactSource.PROXIMITY_PRIOR.value: "Contact is inferred from how near the meshes are, not "
    "measured: a hand that hovers a few centimetres before the face often counts as a touch.",
    ContactSource.NETWORK.value: "Contact is what a trained network says.",
    ContactSource.NONE.value: "Some images have no estimate of contact.",
}
_DEFORMATION = {
    DeformationSource.INDENTATION_PRIOR.value: "Depth is nominal: where the skin is pressed is "
    "informative, by how much is an assumption.",
    DeformationSource.NETWORK.value: "Depth is what a trained network says.",
}
_SCALE = {
    ScaleSource.POPULATION_MEAN.value: "Sizes assume a face and hands of mean size.",
    ScaleSource.PERSON_AVERAGE.value: "Sizes rest on the person's own running average.",
    ScaleSource.NETWORK.value: "Sizes are what a trained network says.",
}


def notes(recordings: Sequence[Recording]) -> list[str]:
    """Sentences, most important first."""
    said = [item.provenance for item in recordings]
    sources = _added(item.sources for item in said)
    frames, faces = sum(item.frames for item in said), sum(item.faces for item in said)
    interactions = sum(item.interactions for item in said)
    names = ", ".join(name for name, _ in sources.most_common()) or "none: nobody was seen"
    sentences = [f"Estimator: {names}."]
    if any("synthetic" in name for name in sources):
        sentences.append("These results were made with stand-in files: they mean nothing.")
    for texts, counts in (
        (_CONTACT, _added(item.contact_sources for item in said)),
        (_DEFORMATION, _added(item.deformation_sources for item in said)),
        (_SCALE, _added(item.scale_sources for item in said)),
    ):
        sentences += [texts[name] for name, _ in counts.most_common() if name in texts]
    assumed = sum(item.assumed for item in said)
    if assumed:
        sentences.append(
            f"Camera calibration was assumed for {share(assumed, interactions)} of the results: "
            "distances, areas and depths in millimetres may be off by the same factor."
        )
    elif interactions:
        sentences.append("The camera was calibrated.")
    sentences.append(
        f"A face was seen in {faces} of {counted(frames, 'image')} ({share(faces, frames)}); "
        "touches an hour are for an hour in which a face is seen. A hand over the eyes may hide "
        "the face, so touches there are missed more often."
    )
    watched_s = sum(item.observed.face_ns for item in recordings) * 1e-9
    if watched_s < _LONG_ENOUGH_S:
        sentences.append(
            f"Faces were seen for {duration(watched_s)} only: touches an hour are an extrapolation."
        )
    sentences.append(_dropped([item.dropped for item in said]))
    if any(item.recounted for item in recordings):
        sentences.append("Some files hold no touch events: theirs were counted for this page.")
    return sentences


def _dropped(drops: Sequence[Mapping[str, int] | None]) -> str:
    known = _added(item for item in drops if item is not None)
    if any(item is None for item in drops):
        return "How many images were dropped is not known: no summary lies beside the results."
    if not known.total():
        return "No image was dropped."
    reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in known.most_common())
    return f"{counted(known.total(), 'image')} dropped: {reasons}."


def _added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for item in counts:
        total.update(item)
    return total
