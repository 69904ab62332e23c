//! `[limits]` of the config file: the fields of [`gitwasi::Limits`] and [`ConnectionLimits`] under
//! their own names, each within what can work.
//!
//! What a limit is for and what happens when it is hit stands at the field. Counts are counts, sizes
//! are bytes, times are whole seconds.

use std::str::FromStr;
use std::time::Duration;

use gitwasi::Limits;
use gitwasi::listen::ConnectionLimits;
use serde::Deserialize;

use super::options::Options;

/// No size is as large as this: TOML has no larger number.
const ANY: u64 = i64::MAX as u64;
const DAY: u64 = 24 * 60 * 60;
const MIB: u64 = 1 << 20;

/// A number between two others, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct Within<const LEAST: u64, const MOST: u64>(u64);

/// `front.requests`.
pub(crate) type Requests = Within<1, 16_384>;
/// `front.request-bytes`.
pub(crate) type RequestBytes = Within<1, ANY>;
/// `connection.connections`.
pub(crate) type Connections = Within<1, 1_000_000>;
/// `processes`.
pub(crate) type Processes = Within<1, 16_384>;

/// `[limits]`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct LimitOptions {
    front: FrontOptions,
    process: ProcessOptions,
    connection: ConnectionOptions,
    processes: Option<Processes>,
    /// Seconds.
    process_wait: Option<Within<0, 3_600>>,
    hashings: Option<Within<1, 256>>,
}

/// `[limits.front]`: requests, and the instances that answer them.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct FrontOptions {
    requests: Option<Requests>,
    requests_per_instance: Option<Within<1, 1_024>>,
    lanes: Option<Within<1, 256>>,
    instance_requests: Option<Within<1, 1_000_000>>,
    /// Seconds.
    instance_idle: Option<Within<1, DAY>>,
    /// Bytes, up to all that a 32-bit memory has.
    instance_memory: Option<Within<{ 32 * MIB }, { 4096 * MIB }>>,
    instance_grown: Option<Within<{ 8 * MIB }, { 4096 * MIB }>>,
    /// Seconds.
    stall: Option<Within<1, DAY>>,
    /// Bytes.
    request_bytes: Option<RequestBytes>,
}

/// `[limits.process]`: one git process.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct ProcessOptions {
    open_files: Option<Within<64, 1_048_576>>,
    cpu_seconds: Option<Within<1, { 30 * DAY }>>,
    /// Bytes.
    file_size: Option<Within<MIB, ANY>>,
    /// Bytes.
    memory: Option<Within<{ 64 * MIB }, ANY>>,
    /// Bytes; 0 for no limit.
    address_space: Option<Within<0, ANY>>,
}

/// `[limits.connection]`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct ConnectionOptions {
    connections: Option<Connections>,
    /// Seconds.
    head: Option<Within<1, 3_600>>,
    /// Bytes; less is no room for what git sends.
    head_bytes: Option<Within<8_192, MIB>>,
    /// Seconds.
    stall: Option<Within<1, DAY>>,
    streams: Option<Within<1, 10_000>>,
}

impl LimitOptions {
    /// The service's limits: the defaults, where nothing else is said.
    pub(super) fn service(&self) -> Limits {
        let mut limits = Limits::default();
        let (front, process) = (&self.front, &self.process);
        set(&mut limits.front.requests, front.requests);
        set(&mut limits.front.requests_per_instance, front.requests_per_instance);
        set(&mut limits.front.lanes, front.lanes);
        set(&mut limits.front.instance_requests, front.instance_requests);
        set(&mut limits.front.instance_idle, front.instance_idle);
        set(&mut limits.front.instance_memory, front.instance_memory);
        set(&mut limits.front.instance_grown, front.instance_grown);
        set(&mut limits.front.stall, front.stall);
        limits.front.request_bytes = front.request_bytes.map(|bytes| bytes.0);
        set(&mut limits.process.open_files, process.open_files);
        set(&mut limits.process.cpu_seconds, process.cpu_seconds);
        set(&mut limits.process.file_size, process.file_size);
        set(&mut limits.process.memory, process.memory);
        if let Some(Within(bytes)) = process.address_space {
            limits.process.address_space = Some(bytes).filter(|bytes| *bytes > 0);
        }
        set(&mut limits.processes, self.processes);
        set(&mut limits.process_wait, self.process_wait);
        set(&mut limits.hashings, self.hashings);
        limits
    }

    /// The listener's limits, likewise.
    pub(super) fn connection(&self) -> ConnectionLimits {
        let mut limits = ConnectionLimits::default();
        let options = &self.connection;
        set(&mut limits.connections, options.connections);
        set(&mut limits.head, options.head);
        set(&mut limits.head_bytes, options.head_bytes);
        set(&mut limits.stall, options.stall);
        set(&mut limits.streams, options.streams);
        limits
    }
}

impl Options {
    /// The limits of `[limits]`, and before them those of the command line.
    pub(super) fn limits(&self) -> LimitOptions {
        let mut limits = self.limits.clone();
        limits.front.requests = self.max_requests.or(limits.front.requests);
        limits.front.request_bytes = self.max_request_bytes.or(limits.front.request_bytes);
        limits.connection.connections = self.max_connections.or(limits.connection.connections);
        limits.processes = self.max_processes.or(limits.processes);
        limits
    }
}

/// A field of some limits.
trait Limit {
    /// Takes a number that is within what the field can hold.
    fn limit(&mut self, number: u64);
}

impl Limit for u64 {
    fn limit(&mut self, number: u64) {
        *self = number;
    }
}

impl Limit for u32 {
    fn limit(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }
}

impl Limit for usize {
    fn limit(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }
}

impl Limit for Duration {
    fn limit(&mut self, number: u64) {
        *self = Self::from_secs(number);
    }
}

fn set<const LEAST: u64, const MOST: u64>(
    field: &mut impl Limit,
    option: Option<Within<LEAST, MOST>>,
) {
    if let Some(Within(number)) = option {
        field.limit(number);
    }
}

impl<const LEAST: u64, const MOST: u64> TryFrom<u64> for Within<LEAST, MOST> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match (LEAST..=MOST).contains(&number) {
            true => Ok(Self(number)),
            false => Err(format!("{number} is not between {LEAST} and {MOST}")),
        }
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for Within<LEAST, MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: u64 = text.parse().map_err(|_| format!("not a whole number: {text:?}"))?;
        number.try_into()
    }
}
