"""S3 as a WSGI application: which operation a request asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError
from infra.local_aws.s3.bodies import Bodies
from infra.local_aws.s3.buckets import Buckets
from infra.local_aws.s3.index import Index
from infra.local_aws.s3.listing import Listings
from infra.local_aws.s3.mirror import SETTINGS, Mirror
from infra.local_aws.s3.multipart import Uploads
from infra.local_aws.s3.objects import Objects
from infra.local_aws.s3.wire import Reply, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

Operation = Callable[[Request], Reply]

BUCKET_SUBRESOURCES = frozenset(
    {"delete", "list-type", "location", "uploads", "versioning", "versions", "abac", "object-lock", "session"}
    | {"metadataConfiguration", "metadataTable", "metadataInventoryTable", "metadataJournalTable"}
)
OBJECT_SUBRESOURCES = frozenset(
    {"acl", "annotation", "attributes", "encryption", "legal-hold", "renameObject", "restore", "retention", "select"}
    | {"tagging", "torrent", "uploadId", "uploads"}
)
"""Query parameters that make a request another operation; those that no operation below names are not implemented."""


class S3:
    """Buckets and objects from the store and the files; the settings of buckets from moto."""

    def __init__(self, context: Context) -> None:
        self._index = Index(context.store)
        self._mirror = Mirror(context)
        bodies = Bodies(context.state_dir / "objects")
        buckets = Buckets(context, self._index, self._mirror)
        objects = Objects(context, self._index, bodies, self._mirror)
        uploads = Uploads(context, self._index, bodies, objects)
        listings = Listings(context.store, self._index)
        self._bucket_operations: dict[tuple[str, str | None], Operation] = {
            ("PUT", None): buckets.create,
            ("HEAD", None): buckets.head,
            ("DELETE", None): buckets.delete,
            ("GET", None): listings.list_v1,
            ("GET", "list-type"): listings.list_v2,
            ("GET", "versions"): listings.list_versions,
            ("GET", "location"): buckets.location,
            ("GET", "versioning"): buckets.versioning,
            ("PUT", "versioning"): buckets.set_versioning,
            ("GET", "uploads"): uploads.list_uploads,
            ("POST", "delete"): objects.delete_many,
        }
        self._object_operations: dict[tuple[str, str | None], Operation] = {
            ("PUT", None): objects.put,
            ("GET", None): objects.get,
            ("HEAD", None): objects.get,
            ("DELETE", None): objects.delete,
            ("PUT", "copy"): objects.copy,
            ("GET", "tagging"): objects.tags,
            ("PUT", "tagging"): objects.set_tags,
            ("DELETE", "tagging"): objects.set_tags,
            ("POST", "uploads"): uploads.create,
            ("PUT", "uploadId"): uploads.upload_part,
            ("PUT", "uploadId copy"): uploads.copy_part,
            ("POST", "uploadId"): uploads.complete,
            ("DELETE", "uploadId"): uploads.abort,
            ("GET", "uploadId"): uploads.list_parts,
        }
        self._list_buckets: Operation = buckets.list
        referred = context.store.query(
            "SELECT body FROM s3_objects WHERE body IS NOT NULL UNION ALL SELECT body FROM s3_parts"
        )
        bodies.remove_all_but({row[0] for row in referred})
        for bucket in self._index.buckets():
            self._mirror.ensure(bucket)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if not request.bucket:
            operation = self._list_buckets if request.method == "GET" else None
        elif request.key:
            operation = self._object_operations.get((request.method, _object_subresource(request)))
        elif SETTINGS.isdisjoint(request.query):
            subresource = next((name for name in request.query if name in BUCKET_SUBRESOURCES), None)
            operation = self._bucket_operations.get((request.method, subresource))
        else:
            return self._mirror.answer(self._index.bucket(request.bucket), request, start_response)
        if operation is None:
            message = f"the local AWS does not implement {request.method} with {sorted(request.query)} in S3"
            raise AwsError("NotImplemented", message)
        return operation(request).send(start_response)


def _object_subresource(request: Request) -> str | None:
    subresource = next((name for name in request.query if name in OBJECT_SUBRESOURCES), None)
    if request.method == "PUT" and request.header("x-amz-copy-source"):
        return f"{subresource} copy" if subresource else "copy"
    return subresource
