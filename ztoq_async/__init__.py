"""Moves a test library from Zephyr Scale to Tricentis qTest, reads it back, and proves it equal.

What an application imports. Importing it opens nothing, starts nothing and changes nothing.
"""

from importlib.metadata import version as _version

from ztoq_async.engine import Engine
from ztoq_async.errors import (
    AlreadyMoved,
    CircuitOpen,
    FenceError,
    Forbidden,
    ListShifted,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Paused,
    ProcessDied,
    QuotaExhausted,
    Refused,
    ResourceError,
    ResultEvicted,
    ServiceError,
    SettingsError,
    SourceError,
    StoreBusy,
    StoreError,
    StoreLost,
    TooLarge,
    Unauthorised,
    Unreachable,
    ZtoqError,
)
from ztoq_async.qtest.client import QTestClient
from ztoq_async.resources.batches import batch_processor
from ztoq_async.resources.breaker import CircuitBreaker
from ztoq_async.resources.completions import Completion, Ended
from ztoq_async.resources.connector import ConnectionPool, close_connection_pools
from ztoq_async.resources.database import Database
from ztoq_async.resources.gateway import Gateway
from ztoq_async.resources.limiter import AdaptiveRate
from ztoq_async.resources.monitor import ResourceMonitor
from ztoq_async.resources.pools import WorkerPools
from ztoq_async.resources.process_pool import ProcessPool
from ztoq_async.resources.thresholds import Thresholds
from ztoq_async.resources.work_queue import WorkQueue
from ztoq_async.settings import Settings
from ztoq_async.settings import load as load_settings
from ztoq_async.zephyr.client import ZephyrClient

__version__ = _version("ztoq-async")

__all__ = [
    "AdaptiveRate",
    "AlreadyMoved",
    "CircuitBreaker",
    "CircuitOpen",
    "Completion",
    "ConnectionPool",
    "Database",
    "Ended",
    "Engine",
    "FenceError",
    "Forbidden",
    "Gateway",
    "ListShifted",
    "NotFound",
    "NotSent",
    "OutcomeUnknown",
    "Paused",
    "ProcessDied",
    "ProcessPool",
    "QTestClient",
    "QuotaExhausted",
    "Refused",
    "ResourceError",
    "ResourceMonitor",
    "ResultEvicted",
    "ServiceError",
    "Settings",
    "SettingsError",
    "SourceError",
    "StoreBusy",
    "StoreError",
    "StoreLost",
    "Thresholds",
    "TooLarge",
    "Unauthorised",
    "Unreachable",
    "WorkQueue",
    "WorkerPools",
    "ZephyrClient",
    "ZtoqError",
    "__version__",
    "batch_processor",
    "close_connection_pools",
    "load_settings",
]
