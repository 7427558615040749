"""Operations on buckets."""

from __future__ import annotations

import re
import time

from infra.local_aws.context import ACCOUNT_ID, Context
from infra.local_aws.errors import AwsError
from infra.local_aws.s3.index import Bucket, Index
from infra.local_aws.s3.mirror import Mirror
from infra.local_aws.s3.wire import Reply, Request, element, xml_reply, xml_time

NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9]|[.-](?!\.)){1,61}[a-z0-9]")
DEFAULT_REGION = "us-east-1"
OWNER = f"<Owner>{element('ID', ACCOUNT_ID)}{element('DisplayName', 'local')}</Owner>"


class Buckets:
    """Create, find, list and delete buckets; their versioning."""

    def __init__(self, context: Context, index: Index, mirror: Mirror) -> None:
        self._store, self._index, self._mirror = context.store, index, mirror

    def list(self, request: Request) -> Reply:
        """ListBuckets."""
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        limit = int(request.query.get("max-buckets", "10000"))
        found = [bucket for bucket in self._index.buckets() if bucket.name.startswith(prefix) and bucket.name > after]
        buckets = "".join(
            f"<Bucket>{element('Name', bucket.name)}{element('CreationDate', xml_time(bucket.created_at))}"
            f"{element('BucketRegion', bucket.region)}</Bucket>"
            for bucket in found[:limit]
        )
        token = found[limit - 1].name if len(found) > limit else None
        return xml_reply(
            "ListAllMyBucketsResult", OWNER, f"<Buckets>{buckets}</Buckets>", element("ContinuationToken", token)
        )

    def create(self, request: Request) -> Reply:
        """CreateBucket; creating one's own bucket again succeeds in us-east-1 and nowhere else, as in S3."""
        if not NAME.fullmatch(request.bucket):
            raise AwsError("InvalidBucketName", "The specified bucket is not valid.", BucketName=request.bucket)
        if (request.header("x-amz-bucket-object-lock-enabled") or "").lower() == "true":
            raise AwsError("NotImplemented", "the local AWS has no object lock")
        has_document = request.header("content-length") not in (None, "0")
        document = request.document("CreateBucketConfiguration") if has_document else {}
        region = document.get("LocationConstraint") or DEFAULT_REGION
        with self._store.transaction() as cursor:
            created = cursor.execute(
                "INSERT OR IGNORE INTO s3_buckets (name, region, created_at) VALUES (?, ?, ?)",
                (request.bucket, region, time.time()),
            ).rowcount
        if not created and region != DEFAULT_REGION:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise AwsError("BucketAlreadyOwnedByYou", message, 409, BucketName=request.bucket)
        self._mirror.ensure(self._index.bucket(request.bucket))
        return Reply(200, {"Location": f"/{request.bucket}"})

    def head(self, request: Request) -> Reply:
        """HeadBucket."""
        return Reply(200, {"x-amz-bucket-region": self._index.bucket(request.bucket).region})

    def delete(self, request: Request) -> Reply:
        """DeleteBucket; BucketNotEmpty while there is a version of an object in it."""
        name = request.bucket
        self._index.bucket(name)
        with self._store.transaction() as cursor:
            if cursor.execute("SELECT 1 FROM s3_objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, BucketName=name)
            cursor.execute("DELETE FROM s3_buckets WHERE name = ?", (name,))
            cursor.execute("DELETE FROM s3_bucket_settings WHERE bucket = ?", (name,))
            cursor.execute("DELETE FROM s3_version_counts WHERE bucket = ?", (name,))
            cursor.execute(
                "DELETE FROM s3_parts WHERE upload_id IN (SELECT upload_id FROM s3_uploads WHERE bucket = ?)", (name,)
            )
            cursor.execute("DELETE FROM s3_uploads WHERE bucket = ?", (name,))
        self._mirror.forget(name)
        return Reply(204)

    def location(self, request: Request) -> Reply:
        """GetBucketLocation; empty for us-east-1, as in S3."""
        region = self._index.bucket(request.bucket).region
        reply = xml_reply("LocationConstraint", "" if region == DEFAULT_REGION else region)
        reply.headers["x-amz-bucket-region"] = region
        return reply

    def versioning(self, request: Request) -> Reply:
        """GetBucketVersioning."""
        return xml_reply("VersioningConfiguration", element("Status", self._index.bucket(request.bucket).versioning))

    def set_versioning(self, request: Request) -> Reply:
        """PutBucketVersioning."""
        status = request.document("VersioningConfiguration").get("Status")
        if status not in ("Enabled", "Suspended"):
            raise AwsError(
                "IllegalVersioningConfigurationException", "The versioning status must be Enabled or Suspended."
            )
        bucket: Bucket = self._index.bucket(request.bucket)
        with self._store.transaction() as cursor:
            cursor.execute("UPDATE s3_buckets SET versioning = ? WHERE name = ?", (status, bucket.name))
        return Reply()
