from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[Status]
    STARTING: _ClassVar[Status]
    SERVING: _ClassVar[Status]
    NOT_SERVING: _ClassVar[Status]
    COMPLETED: _ClassVar[Status]
    FAILED: _ClassVar[Status]
UNKNOWN: Status
STARTING: Status
SERVING: Status
NOT_SERVING: Status
COMPLETED: Status
FAILED: Status

class HealthCheckRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class HealthCheckResponse(_message.Message):
    __slots__ = ("service", "release", "status", "detail", "probe", "restarts", "exit_code", "exit_reason", "last_lines", "mesh_version", "mesh_error", "envoy_restarts", "started_at")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    LAST_LINES_FIELD_NUMBER: _ClassVar[int]
    MESH_VERSION_FIELD_NUMBER: _ClassVar[int]
    MESH_ERROR_FIELD_NUMBER: _ClassVar[int]
    ENVOY_RESTARTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    service: str
    release: str
    status: Status
    detail: str
    probe: str
    restarts: int
    exit_code: int
    exit_reason: str
    last_lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    mesh_version: str
    mesh_error: str
    envoy_restarts: int
    started_at: float
    def __init__(self, service: _Optional[str] = ..., release: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., detail: _Optional[str] = ..., probe: _Optional[str] = ..., restarts: _Optional[int] = ..., exit_code: _Optional[int] = ..., exit_reason: _Optional[str] = ..., last_lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ..., mesh_version: _Optional[str] = ..., mesh_error: _Optional[str] = ..., envoy_restarts: _Optional[int] = ..., started_at: _Optional[float] = ...) -> None: ...

class StreamLogsRequest(_message.Message):
    __slots__ = ("tail", "follow")
    TAIL_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    tail: int
    follow: bool
    def __init__(self, tail: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("time", "stream", "text")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    time: float
    stream: str
    text: str
    def __init__(self, time: _Optional[float] = ..., stream: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class DeployRequest(_message.Message):
    __slots__ = ("repos_yaml",)
    REPOS_YAML_FIELD_NUMBER: _ClassVar[int]
    repos_yaml: str
    def __init__(self, repos_yaml: _Optional[str] = ...) -> None: ...

class DeployEvent(_message.Message):
    __slots__ = ("time", "stage", "text", "exit_code")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    time: float
    stage: str
    text: str
    exit_code: int
    def __init__(self, time: _Optional[float] = ..., stage: _Optional[str] = ..., text: _Optional[str] = ..., exit_code: _Optional[int] = ...) -> None: ...
