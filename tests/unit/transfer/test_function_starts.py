"""Which functions an upload starts, by the rules of its bucket; one request."""

from __future__ import annotations

import pytest

from scar.aws.model.resources import BucketNotification
from scar.transfer.function_starts import FunctionStarts


def rule(function: str, prefix: str, suffix: str = "") -> BucketNotification:
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{function}"
    return BucketNotification(
        name=f"pics/{function}", function_arn=arn, prefix=prefix, suffix=suffix
    )


THUMBS = rule("thumbs", "incoming/", ".jpg")
ALL = rule("index", "incoming/")


@pytest.mark.parametrize(
    ("rules", "keys", "sentence"),
    [
        ((), ["in/a"], "No function starts: none reads bucket pics."),
        ((), [], ""),
        ((ALL,), [], ""),
        ((ALL,), ["incoming/a", "incoming/b"], "Starts index."),
        ((ALL, THUMBS), ["incoming/a.jpg"], "Starts index, thumbs."),
        (
            (ALL, THUMBS),
            ["incoming/a.jpg", "incoming/b"],
            "Starts index, thumbs (1 of 2 files).",
        ),
        (
            (THUMBS,),
            ["incoming/a.jpg", "incoming/b"],
            "Starts thumbs (1 of 2 files). 1 file starts nothing: incoming/b.",
        ),
        (
            (THUMBS,),
            ["incoming/a.jpg", "incoming/b", "incoming/c"],
            "Starts thumbs (1 of 3 files). 2 files start nothing, such as incoming/b.",
        ),
        (
            (THUMBS,),
            ["incoming/b.png"],
            "No function starts: in pics/incoming, thumbs reads only names that end in '.jpg'.",
        ),
        (
            (rule("dcim", "incoming/IMG_", ".jpg"),),
            ["incoming/b.png"],
            (
                "No function starts: in pics/incoming, dcim reads only names that begin with 'IMG_'"
                " and end in '.jpg'."
            ),
        ),
        (
            (ALL, rule("other", "raw/")),
            ["incomming/a"],
            "No function reads pics/incomming; did you mean pics/incoming?",
        ),
        (
            (ALL, rule("other", "raw/")),
            ["a"],
            "No function reads pics. Functions read pics/incoming, pics/raw.",
        ),
    ],
)
def test_the_sentence_names_functions_or_the_reason(
    rules: tuple[BucketNotification, ...], keys: list[str], sentence: str
) -> None:
    starts = FunctionStarts(rules)
    for key in keys:
        starts.add(key)
    folder = keys[0].rpartition("/")[0] if keys else ""
    assert starts.describe("pics", f"{folder}/" if folder else "") == sentence


def test_a_bucket_that_notifies_something_else_may_start_functions_by_it() -> None:
    starts = FunctionStarts((), ("SQS", "EventBridge"))
    starts.add("in/a")
    sentence = "No function starts directly: bucket pics notifies SQS and EventBridge only."
    assert starts.describe("pics", "in/") == sentence
