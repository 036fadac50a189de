//! The names of what a line says: here, and nowhere else.

/// A member of an audit line. `deploy/observability/README.md` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// When the line was written.
    Time,
    /// What happened.
    Event,
    /// The request's id, which its reply has too.
    RequestId,
    /// The id of the W3C trace that it belongs to.
    TraceId,
    /// Address and port of the client.
    Peer,
    /// Address and port of the trusted proxy that says so.
    Proxy,
    /// Version of TLS.
    Tls,
    /// Who it was.
    Client,
    /// With which key.
    KeyId,
    /// HTTP method.
    Method,
    /// The path of its route.
    Route,
    /// MCP method.
    Rpc,
    /// The tool that is called.
    Tool,
    /// What else the call is about.
    Subject,
    /// The names of the arguments.
    Arguments,
    /// The arguments.
    ArgumentValues,
    /// What was decided about the call, and by which rule.
    Decision,
    /// HTTP status.
    Status,
    /// How the head of the reply came about.
    Outcome,
    /// How its body ended.
    End,
    /// Why a key's lease, or a key, ended.
    Reason,
    /// Body bytes that were passed on.
    Bytes,
    /// Events that were passed on.
    Events,
    /// From the request's head to its end.
    DurationMs,
    /// The file that was read.
    File,
    /// Why it cannot be used.
    Error,
    /// SHA-256 of what was read.
    Sha256,
    /// Clients that are new.
    ClientsAdded,
    /// Clients that are gone.
    ClientsRemoved,
    /// Clients that are not what they were.
    ClientsChanged,
    /// Keys that are new.
    KeysAdded,
    /// Keys that are gone.
    KeysRemoved,
    /// Keys that are not what they were.
    KeysChanged,
    /// The certificate's names.
    Names,
    /// The certificate's end.
    NotAfter,
    /// The version of this program.
    Version,
    /// The signal that ends the process.
    Signal,
    /// Bytes of a line that a killed process had not finished.
    TornBytes,
}

impl Field {
    /// All of them, in the order in which they stand in a line.
    pub const ALL: [Field; 38] = [
        Field::Time,
        Field::Event,
        Field::RequestId,
        Field::TraceId,
        Field::Peer,
        Field::Proxy,
        Field::Tls,
        Field::Client,
        Field::KeyId,
        Field::Method,
        Field::Route,
        Field::Rpc,
        Field::Tool,
        Field::Subject,
        Field::Arguments,
        Field::ArgumentValues,
        Field::Decision,
        Field::Status,
        Field::Outcome,
        Field::End,
        Field::Reason,
        Field::Bytes,
        Field::Events,
        Field::DurationMs,
        Field::File,
        Field::Error,
        Field::Sha256,
        Field::ClientsAdded,
        Field::ClientsRemoved,
        Field::ClientsChanged,
        Field::KeysAdded,
        Field::KeysRemoved,
        Field::KeysChanged,
        Field::Names,
        Field::NotAfter,
        Field::Version,
        Field::Signal,
        Field::TornBytes,
    ];

    /// Its name with what JSON puts around it: `,"name":`.
    pub(in crate::record) const fn key(self) -> &'static str {
        match self {
            Field::Time => "{\"time\":",
            Field::Event => ",\"event\":",
            Field::RequestId => ",\"request_id\":",
            Field::TraceId => ",\"trace_id\":",
            Field::Peer => ",\"peer\":",
            Field::Proxy => ",\"proxy\":",
            Field::Tls => ",\"tls\":",
            Field::Client => ",\"client\":",
            Field::KeyId => ",\"key_id\":",
            Field::Method => ",\"method\":",
            Field::Route => ",\"route\":",
            Field::Rpc => ",\"rpc\":",
            Field::Tool => ",\"tool\":",
            Field::Subject => ",\"subject\":",
            Field::Arguments => ",\"arguments\":",
            Field::ArgumentValues => ",\"argument_values\":",
            Field::Decision => ",\"decision\":",
            Field::Status => ",\"status\":",
            Field::Outcome => ",\"outcome\":",
            Field::End => ",\"end\":",
            Field::Reason => ",\"reason\":",
            Field::Bytes => ",\"bytes\":",
            Field::Events => ",\"events\":",
            Field::DurationMs => ",\"duration_ms\":",
            Field::File => ",\"file\":",
            Field::Error => ",\"error\":",
            Field::Sha256 => ",\"sha256\":",
            Field::ClientsAdded => ",\"clients_added\":",
            Field::ClientsRemoved => ",\"clients_removed\":",
            Field::ClientsChanged => ",\"clients_changed\":",
            Field::KeysAdded => ",\"keys_added\":",
            Field::KeysRemoved => ",\"keys_removed\":",
            Field::KeysChanged => ",\"keys_changed\":",
            Field::Names => ",\"names\":",
            Field::NotAfter => ",\"not_after\":",
            Field::Version => ",\"version\":",
            Field::Signal => ",\"signal\":",
            Field::TornBytes => ",\"torn_bytes\":",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.key().trim_matches(|c| matches!(c, '{' | ',' | '"' | ':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page that says what each means.
    const PAGE: &str = include_str!("../../../../deploy/observability/README.md");

    #[test]
    fn each_is_in_the_table_and_the_table_has_no_other() {
        let table = PAGE.split("\n| field | what it says |\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let named: Vec<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name.to_owned())
            .collect();
        assert_eq!(named, Field::ALL.map(|field| field.name().to_owned()));
    }
}
