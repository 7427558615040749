"""The Redshift Data API: requests checked as the service checks them, statements run by ``Statements``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from infra.local_aws.aws_json import Operation
from infra.local_aws.errors import AwsError
from infra.local_aws.redshift import browse, tokens
from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.logins import Logins
from infra.local_aws.redshift.parameters import DATABASE
from infra.local_aws.redshift.serverless import Serverless
from infra.local_aws.redshift.sessions import Lease, Sessions, SessionUnavailableError
from infra.local_aws.redshift.statements import (
    Part,
    Request,
    Statement,
    Statements,
    TokenReusedError,
    TooManyStatementsError,
)

MAX_BATCH = 40
MAX_SQL_BYTES = 100_000
MAX_KEEP_ALIVE_SECONDS = 86_400
CANCEL_WAIT_SECONDS = 5.0
SHUTDOWN_WAIT_SECONDS = 0.3
DEFAULT_LIST_SIZE = 100


class DataApi:
    """The operations of the ``redshift-data`` API."""

    def __init__(self, warehouse: Warehouse, serverless: Serverless, secrets_manager: Callable[[], Any]) -> None:
        self._serverless = serverless
        self._logins = Logins(warehouse, secrets_manager)
        self._statements = Statements(warehouse)
        self._sessions = Sessions(warehouse)
        self._browser = browse.Browser(warehouse)

    def operations(self) -> dict[str, Operation]:
        """By the name in ``X-Amz-Target``."""
        return {
            "ExecuteStatement": lambda request: self._submit(request, [request.get("Sql", "")], is_batch=False),
            "BatchExecuteStatement": lambda request: self._submit(request, request.get("Sqls") or [], is_batch=True),
            "DescribeStatement": self._describe,
            "CancelStatement": self._cancel,
            "ListStatements": self._list,
            "ListSessions": lambda _: {"Sessions": self._sessions.describe()},
            "GetStatementResult": self._result,
            "ListDatabases": self._browsing(lambda _: {"Databases": [DATABASE]}),
            "ListSchemas": self._browsing(self._browser.schemas),
            "ListTables": self._browsing(self._browser.tables),
            "DescribeTable": self._browsing(self._browser.table),
        }

    def close(self) -> None:
        """Stop what runs; its transactions are rolled back."""
        self._statements.cancel_all(SHUTDOWN_WAIT_SECONDS)
        self._sessions.close()

    def _submit(self, request: dict[str, Any], sqls: list[str], *, is_batch: bool) -> Mapping[str, Any]:
        if not sqls or len(sqls) > MAX_BATCH:
            raise _invalid(f"Sqls must have between 1 and {MAX_BATCH} members")
        for sql in sqls:
            if not sql.strip():
                raise _invalid("The SQL statement must not be empty")
            if len(sql.encode()) > MAX_SQL_BYTES:
                raise _invalid(f"The SQL statement is longer than the limit of {MAX_SQL_BYTES // 1000} KB")
            _require_single(sql)
        values = {parameter["name"]: parameter["value"] for parameter in request.get("Parameters") or []}
        _check_parameters(sqls, values)
        if request.get("ResultFormat", "JSON") != "JSON":
            raise _invalid("ResultFormat CSV is not emulated by the local Redshift")
        keep_alive = request.get("SessionKeepAliveSeconds")
        if keep_alive is not None and not 0 <= keep_alive <= MAX_KEEP_ALIVE_SECONDS:
            raise _invalid(f"SessionKeepAliveSeconds must be between 0 and {MAX_KEEP_ALIVE_SECONDS}")
        session_id: str | None = request.get("SessionId")
        database, workgroup, cluster = self._target(request, session_id)
        user = self._sessions.user(session_id) if session_id else None
        wanted = Request(
            tuple(sqls),
            tuple(sorted(values.items())),
            is_batch,
            user or self._user(request, workgroup),
            database,
            workgroup,
            cluster,
            request.get("SecretArn"),
            request.get("StatementName"),
            request.get("ExecutionMode") == "AUTO_COMMIT",
            "JSON",
        )
        statement = self._start(wanted, request.get("ClientToken"), session_id, keep_alive)
        _wait(statement, request)
        answer = {
            "Id": statement.id,
            "CreatedAt": statement.created_at,
            "Database": database,
            "DbUser": wanted.user,
            "DbGroups": [],
            "Status": statement.status,
            "HasResultSet": any(part.has_result for part in statement.parts),
            **_endpoint_fields(wanted),
        }
        return answer | ({"SessionId": statement.session_id} if statement.session_id else {})

    def _start(self, wanted: Request, token: str | None, session_id: str | None, keep_alive: int | None) -> Statement:
        created = session_id

        def lease() -> tuple[str | None, Lease]:
            nonlocal created
            if created is None and keep_alive:
                created = self._sessions.create(
                    wanted.user, keep_alive, wanted.database, wanted.workgroup, wanted.cluster
                )
            if created is None:
                return None, self._sessions.once(wanted.user)
            return created, self._sessions.lease(created, keep_alive)

        try:
            return self._statements.submit(wanted, token, lease)
        except SessionUnavailableError as error:
            raise _invalid(str(error)) from error
        except TooManyStatementsError as error:
            raise AwsError(
                "ActiveStatementsExceededException", "Active statements exceeded the allowed quota (500)."
            ) from error
        except TokenReusedError as error:
            raise _invalid("ClientToken was used before with other parameters") from error

    def _target(self, request: dict[str, Any], session_id: str | None) -> tuple[str, str | None, str | None]:
        if session_id is not None:
            known = self._sessions.target(session_id)
            if known is None:
                raise _invalid(f"Session {session_id} does not exist or has expired")
            given = request.get("Database"), request.get("WorkgroupName"), request.get("ClusterIdentifier")
            if any(value is not None and value != is_ for value, is_ in zip(given, known, strict=True)):
                raise _invalid("The session is connected to another database, workgroup or cluster")
            return known
        return self._connection(request)

    def _user(self, request: dict[str, Any], workgroup: str | None) -> str:
        return self._logins.user(request, self._serverless.admin_of(workgroup or ""))

    def _connection(self, request: dict[str, Any]) -> tuple[str, str | None, str | None]:
        workgroup, cluster = request.get("WorkgroupName"), request.get("ClusterIdentifier")
        if (workgroup is None) == (cluster is None):
            raise _invalid("Either WorkgroupName or ClusterIdentifier is required, and not both")
        expected = self._serverless.database_of(workgroup) if workgroup else None
        if expected is None:
            raise _invalid("Redshift endpoint doesn't exist in this region.")
        database = request.get("Database") or expected
        if database.lower() != expected:
            raise _invalid(f'FATAL: database "{database}" does not exist')
        return database, workgroup, None

    def _describe(self, request: dict[str, Any]) -> Mapping[str, Any]:
        statement, number = self._find(request)
        _wait(statement, request)
        if number is not None:
            return {**_part_fields(statement, number), "Database": statement.request.database}
        parts, wanted = statement.parts, statement.request
        answer: dict[str, Any] = {
            "Id": statement.id,
            "Status": statement.status,
            "CreatedAt": statement.created_at,
            "UpdatedAt": statement.updated_at,
            "Duration": sum(part.duration for part in parts),
            "Database": wanted.database,
            "DbUser": wanted.user,
            "RedshiftPid": statement.pid,
            "RedshiftQueryId": parts[-1].query_id,
            "HasResultSet": any(part.has_result for part in parts),
            "ResultFormat": wanted.result_format,
            "ExecutionMode": "AUTO_COMMIT" if wanted.auto_commit else "TRANSACTION",
            **_endpoint_fields(wanted),
        }
        if wanted.is_batch:
            answer["SubStatements"] = [_part_fields(statement, i) for i in range(1, len(parts) + 1)]
        else:
            answer |= {"ResultRows": parts[0].rows, "ResultSize": parts[0].result_size}
        answer["QueryString"] = parts[0].sql if not wanted.is_batch else ";".join(part.sql for part in parts)
        if wanted.parameters:
            answer["QueryParameters"] = [{"name": name, "value": value} for name, value in wanted.parameters]
        if statement.error:
            answer["Error"] = statement.error
        if statement.session_id:
            answer["SessionId"] = statement.session_id
        return answer

    def _cancel(self, request: dict[str, Any]) -> Mapping[str, Any]:
        statement, _ = self._find(request)
        if statement.done.is_set():
            raise _invalid(f"Could not cancel a query that is already in {statement.status} state")
        self._statements.cancel(statement, CANCEL_WAIT_SECONDS)
        return {"Status": True}

    def _list(self, request: dict[str, Any]) -> Mapping[str, Any]:
        wanted = request.get("Status", "FINISHED")
        prefix = request.get("StatementName", "")
        filters: tuple[Callable[[Statement], bool], ...] = (
            lambda statement: wanted in ("ALL", statement.status),
            lambda statement: (statement.request.name or "").startswith(prefix),
            lambda statement: request.get("Database") in (None, statement.request.database),
            lambda statement: request.get("WorkgroupName") in (None, statement.request.workgroup),
        )
        found = [s for s in self._statements.all() if all(matches(s) for matches in filters)]
        size = request.get("MaxResults") or DEFAULT_LIST_SIZE
        start = _offset(request)
        answer: dict[str, Any] = {"Statements": [_summary(statement) for statement in found[start : start + size]]}
        if start + size < len(found):
            answer["NextToken"] = str(start + size)
        return answer

    def _result(self, request: dict[str, Any]) -> Mapping[str, Any]:
        statement, number = self._find(request)
        _wait(statement, request)
        if number is None and statement.request.is_batch:
            number = len(statement.parts)
        part = statement.parts[(number or 1) - 1]
        if part.status != "FINISHED" or statement.status != "FINISHED":
            raise _missing(
                "Query does not have result. Please check query status with DescribeStatement.", request["Id"]
            )
        if not part.has_result:
            raise _missing(
                "Query does not have result. Please check query status with DescribeStatement.", request["Id"]
            )
        result = part.result
        if result is None:
            raise _missing("Query result has expired.", request["Id"])
        records, following = result.page(_offset(request))
        answer: dict[str, Any] = {
            "Records": records,
            "ColumnMetadata": result.metadata(),
            "TotalNumRows": result.rows.num_rows,
        }
        return answer | ({"NextToken": str(following)} if following is not None else {})

    def _find(self, request: dict[str, Any]) -> tuple[Statement, int | None]:
        """The statement of an id, and the number of its part when the id has one (``<id>:2``)."""
        statement_id, _, suffix = str(request.get("Id", "")).partition(":")
        statement = self._statements.find(statement_id)
        number = int(suffix) if suffix.isdecimal() else None
        if statement is None or (number is not None and not 0 < number <= len(statement.parts)):
            raise _missing("Query does not exist.", request.get("Id", ""))
        return statement, number

    def _browsing(self, operation: Operation) -> Operation:
        def checked(request: dict[str, Any]) -> Mapping[str, Any] | None:
            _, workgroup, _ = self._connection(request)
            return operation({**request, "DbUser": self._user(request, workgroup)})

        return checked


def _require_single(sql: str) -> None:
    try:
        is_single = len(tokens.split(sql)) == 1
    except RedshiftError:
        # What cannot even be read fails when it runs, as any syntax error does.
        return
    if not is_single:
        raise _invalid(
            "Multi-statement SQL is not supported: cannot insert multiple commands into a prepared statement"
        )


def _check_parameters(sqls: list[str], values: Mapping[str, str]) -> None:
    used: set[str] = set()
    for sql in sqls:
        used |= _named(sql)
    missing = sorted(used - set(values)) if values else []
    if missing:
        raise _invalid(f"Cannot find parameter: {missing[0]}")
    unused = sorted(set(values) - used)
    if unused:
        names = ", ".join(unused)
        raise _invalid(f"Parameters list contains unused parameters. Unused parameters: [{names}]")


def _named(sql: str) -> set[str]:
    """The named parameters of a statement; what stands in a string or a comment is none."""
    try:
        words = tokens.words_of(sql)
    except RedshiftError:
        return set()
    gaps = [word.text if word.kind != "string" else "''" for word in words]
    return {following for mark, following in pairwise(gaps) if mark == ":" and re.fullmatch(r"[A-Za-z_]\w*", following)}


def _wait(statement: Statement, request: dict[str, Any]) -> None:
    seconds = request.get("WaitTimeSeconds")
    if seconds:
        statement.done.wait(min(seconds, 30))


def _endpoint_fields(wanted: Request) -> dict[str, str]:
    named = {
        "WorkgroupName": wanted.workgroup,
        "ClusterIdentifier": wanted.cluster,
        "SecretArn": wanted.secret,
    }
    return {key: value for key, value in named.items() if value}


def _part_fields(statement: Statement, number: int) -> dict[str, Any]:
    part: Part = statement.parts[number - 1]
    fields = {
        "Id": f"{statement.id}:{number}",
        "Status": part.status,
        "CreatedAt": part.created_at,
        "UpdatedAt": part.updated_at,
        "Duration": part.duration,
        "QueryString": part.sql,
        "ResultRows": part.rows,
        "ResultSize": part.result_size,
        "RedshiftQueryId": part.query_id,
        "HasResultSet": part.has_result,
    }
    return fields | ({"Error": part.error} if part.error else {})


def _summary(statement: Statement) -> dict[str, Any]:
    wanted = statement.request
    fields: dict[str, Any] = {
        "Id": statement.id,
        "Status": statement.status,
        "CreatedAt": statement.created_at,
        "UpdatedAt": statement.updated_at,
        "IsBatchStatement": wanted.is_batch,
        "ResultFormat": wanted.result_format,
        "QueryStrings": list(wanted.sqls),
        "QueryString": wanted.sqls[0],
    }
    named = {"StatementName": wanted.name, "SecretArn": wanted.secret, "SessionId": statement.session_id}
    return fields | {key: value for key, value in named.items() if value}


def _offset(request: dict[str, Any]) -> int:
    token = str(request.get("NextToken") or "0")
    if not token.isdecimal():
        raise _invalid("Invalid NextToken")
    return int(token)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _missing(message: str, resource: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, ResourceId=resource)
