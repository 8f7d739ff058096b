"""What a person said of a run's images: how many of each class, by whom and when, which audits. The report's face of the grid."""

import datetime

from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.views.counts import UNIDENTIFIED
from tidelab.runs import RunFolder
from tidelab.runs.validation import AuditProgress, Validation, ValidationSummary

NOBODY = "Nobody has validated this run: all names are the model's."
_DAY = "%Y-%m-%d %H:%M UTC"


def validation(run: RunFolder) -> Displayable:
    """Return who validated what of a run, and says so when nobody did."""
    found = Validation(run).summary()
    parts, words = _audits(found)
    if found.skipped:
        damage = f"{numbers.plural(found.skipped, 'line')} of the validation log cannot be read and was left out (validations.jsonl)."
        parts, words = note(damage, "warn") + parts, f"{damage}\n{words}"
    if not found.looked_at:
        return section(note(NOBODY) + parts, f"{NOBODY}\n{words}".strip(), "tl-validation-view")
    sentences = _sentences(found)
    body = Markup("").join(Markup("<p>{}</p>").format(sentence) for sentence in sentences)
    body += _people(found) + _classes(found) + parts
    return section(body, "\n".join([*sentences, words]).strip(), "tl-validation-view")


def _sentences(found: ValidationSummary) -> list[str]:
    people = ", ".join(one.person for one in found.people)
    part = "All" if found.looked_at == found.images else f"{numbers.count(found.looked_at)} of"
    all_ = f"{numbers.plural(found.images, 'image')} {'was' if found.looked_at == 1 else 'were'}"
    first = f"{part} {all_} looked at by {people}: {numbers.count(found.validated)} validated"
    first += (
        f" ({numbers.count(found.moved)} of them under another name than the model gave)"
        if found.moved
        else ""
    )
    first += f", {numbers.count(found.unknown)} that could not be told." if found.unknown else "."
    sentences = [first]
    if found.adopted:
        earlier = ", ".join(f"{run_id} ({numbers.plural(n, 'image')})" for run_id, n in found.adopted.items())
        total = numbers.plural(sum(found.adopted.values()), "image")
        sentences.append(f"Of these, {total} had been validated in an earlier analysis of the same images; this was taken over from {earlier}.")  # fmt: skip
    return sentences


def _people(found: ValidationSummary) -> Markup:
    rows = [
        (
            one.person,
            numbers.count(one.validated),
            numbers.count(one.unknown),
            _utc(one.first),
            _utc(one.last),
        )
        for one in found.people
    ]
    headers = ["Person", "Validated", "Could not tell", "First", "Last"]
    return table(headers, rows, numeric=(1, 2), caption="By whom and when")


def _classes(found: ValidationSummary) -> Markup:
    rows = [
        (
            one.label or UNIDENTIFIED,
            numbers.count(one.images),
            numbers.count(one.validated - one.moved),
            numbers.count(one.moved),
            numbers.count(one.unknown),
            numbers.count(one.images - one.validated - one.unknown),
        )
        for one in found.classes
    ]
    headers = ["Class the model gave", "Images", "Confirmed", "Given another name", "Could not tell", "Not looked at"]  # fmt: skip
    return table(headers, rows, numeric=(1, 2, 3, 4, 5), caption="Of each class, as the model had named it")


def _audits(found: ValidationSummary) -> tuple[Markup, str]:
    if not found.audits:
        return Markup(""), ""
    rows = [_audit_row(one) for one in found.audits]
    headers = ["Audit", "Images asked for", "Checked", "How drawn", "Seed", "Drawn by", "When"]
    body = table(headers, rows, numeric=(1, 2), caption="Random audits; the chances of all images are kept in audits.json")  # fmt: skip
    words = "\n".join(
        f"Audit {one.audit.audit_id}: {one.checked} of {one.asked} images checked" for one in found.audits
    )
    return body, words


def _audit_row(one: AuditProgress) -> tuple[str, ...]:
    audit = one.audit
    design = "by predicted class" if audit.design == "stratified" else "all images alike"
    if audit.adopted_from:
        design += f"; taken over from {audit.adopted_from}"
    return (
        *(audit.audit_id, numbers.count(one.asked), numbers.count(one.checked), design),
        *(str(audit.seed), audit.person, _utc(audit.time)),
    )


def _utc(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).strftime(_DAY)
