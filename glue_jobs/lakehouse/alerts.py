"""Tells people: in the log, and on the lake's SNS topic where it has one."""

from __future__ import annotations

import logging

import boto3

from lakehouse.settings import Settings

log = logging.getLogger(__name__)
_LONGEST_SUBJECT = 100  # characters; SNS refuses more


def publish(settings: Settings, level: int, subject: str, message: str) -> None:
    """Log at `logging`'s level, and publish."""
    log.log(level, "%s: %s", subject, message)
    if settings.alert_topic:
        boto3.client("sns").publish(TopicArn=settings.alert_topic, Subject=subject[:_LONGEST_SUBJECT], Message=message)
