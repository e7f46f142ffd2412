//! The codes and labels of the server's errors.

use mongodb::error::{
    RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR, SYSTEM_OVERLOADED_ERROR, TRANSIENT_TRANSACTION_ERROR,
};

/// The codes of a duplicate key: E11000, and those of older servers and routers.
pub(super) const DUPLICATE_KEY: [i32; 3] = [11_000, 11_001, 12_582];

/// The code of every error of the Atlas proxy.
pub(super) const ATLAS_ERROR: i32 = 8_000;

/// The codes of transient errors: those of the specifications of retryable reads and writes, timeouts, conflicts with other
/// operations, and a server that is short of memory, disk or permits.
pub(super) const TRANSIENT: [i32; 38] = [
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    50,     // MaxTimeMSExpired
    63,     // StaleShardVersion
    64,     // WriteConcernTimeout
    79,     // UnknownReplWriteConcern
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    94,     // NotYetInitialized
    100,    // UnsatisfiableWriteConcern
    112,    // WriteConflict
    133,    // FailedToSatisfyReadPreference
    134,    // ReadConcernMajorityNotAvailableYet
    146,    // ExceededMemoryLimit
    150,    // StaleEpoch
    175,    // QueryPlanKilled
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    237,    // CursorKilled
    246,    // SnapshotUnavailable
    251,    // NoSuchTransaction
    262,    // ExceededTimeLimit
    290,    // TransactionExceededLifetimeLimitSeconds
    365,    // TemporarilyUnavailable
    462,    // IngressRequestRateLimitExceeded
    9_001,  // SocketException
    10_058, // NotPrimary, of older servers
    10_107, // NotWritablePrimary
    11_600, // InterruptedAtShutdown
    11_601, // Interrupted
    11_602, // InterruptedDueToReplStateChange
    13_388, // StaleConfig
    13_435, // NotPrimaryNoSecondaryOk
    13_436, // NotPrimaryOrSecondary
    14_031, // OutOfDiskSpace
    16_500, // too many requests, of hosted databases
];

/// The labels by which a server or the driver marks an error as transient, whatever its code.
pub(super) const TRANSIENT_LABELS: [&str; 4] = [
    RETRYABLE_WRITE_ERROR,
    TRANSIENT_TRANSACTION_ERROR,
    RETRYABLE_ERROR,
    SYSTEM_OVERLOADED_ERROR,
];
