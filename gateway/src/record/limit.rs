//! The limits of `[limits]` as metrics name them.

use crate::reject::Reject;

/// A limit that somebody ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `handshake_timeout`
    Handshake,
    /// `max_head`, where it ends the connection.
    Head,
    /// `max_fields`, where it refuses the request. Over HTTP/1.1 it ends the connection, as `max_head`.
    Fields,
    /// `max_header_list`
    HeaderList,
    /// `header_timeout`
    HeaderTime,
    /// `idle_timeout`
    Idle,
    /// `max_body`
    Body,
    /// `max_list`
    List,
    /// `max_held`
    Held,
    /// `min_body_rate`
    BodyRate,
    /// `stall_timeout`
    Stall,
    /// `max_connections`
    Connections,
    /// `max_in_flight`
    InFlight,
    /// `max_streams`
    Streams,
    /// `max_control_frames`
    ControlFrames,
    /// What the h2 library does not bear: endless headers, resets that a client provokes, frames without end.
    Flood,
    /// Open files of the process.
    Files,
    /// `max_connections_per_address`
    ConnectionsPerAddress,
    /// `handshakes_per_address`
    HandshakesPerAddress,
    /// `failures_per_address`
    FailuresPerAddress,
}

impl Limit {
    /// All of them, in the order of their declaration.
    pub const ALL: [Limit; 20] = [
        Limit::Handshake,
        Limit::Head,
        Limit::Fields,
        Limit::HeaderList,
        Limit::HeaderTime,
        Limit::Idle,
        Limit::Body,
        Limit::List,
        Limit::Held,
        Limit::BodyRate,
        Limit::Stall,
        Limit::Connections,
        Limit::InFlight,
        Limit::Streams,
        Limit::ControlFrames,
        Limit::Flood,
        Limit::Files,
        Limit::ConnectionsPerAddress,
        Limit::HandshakesPerAddress,
        Limit::FailuresPerAddress,
    ];

    /// The word in metrics: the member of `[limits]` where there is one.
    pub const fn word(self) -> &'static str {
        match self {
            Limit::Handshake => "handshake_timeout",
            Limit::Head => "max_head",
            Limit::Fields => "max_fields",
            Limit::HeaderList => "max_header_list",
            Limit::HeaderTime => "header_timeout",
            Limit::Idle => "idle_timeout",
            Limit::Body => "max_body",
            Limit::List => "max_list",
            Limit::Held => "max_held",
            Limit::BodyRate => "min_body_rate",
            Limit::Stall => "stall_timeout",
            Limit::Connections => "max_connections",
            Limit::InFlight => "max_in_flight",
            Limit::Streams => "max_streams",
            Limit::ControlFrames => "max_control_frames",
            Limit::Flood => "h2_flood",
            Limit::Files => "open_files",
            Limit::ConnectionsPerAddress => "max_connections_per_address",
            Limit::HandshakesPerAddress => "handshakes_per_address",
            Limit::FailuresPerAddress => "failures_per_address",
        }
    }

    /// The limit that a refusal means. Those with more than one reason are counted where the reason is known.
    pub(super) const fn of(reject: Reject) -> Option<Self> {
        if matches!(reject, Reject::BodyTooLarge) {
            Some(Limit::Body)
        } else if matches!(reject, Reject::ListTooLarge) {
            Some(Limit::List)
        } else if matches!(reject, Reject::Full) {
            Some(Limit::Held)
        } else if matches!(reject, Reject::TooManyFields) {
            Some(Limit::Fields)
        } else if matches!(reject, Reject::HeaderList) {
            Some(Limit::HeaderList)
        } else if matches!(reject, Reject::FailuresLimited) {
            Some(Limit::FailuresPerAddress)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_each_limit_once_at_its_index() {
        for (index, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, index);
        }
    }
}
