//! Finished requests of one client, by route, method and outcome.

use super::Outcome;
use super::tally::{Tally, tallies};
use http::Method;
use std::sync::OnceLock;

/// The HTTP methods that are told apart; the label set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Any other.
    Other,
}

impl HttpMethod {
    /// All of them, in the order of their declaration.
    pub const ALL: [HttpMethod; 6] = [
        HttpMethod::Get,
        HttpMethod::Head,
        HttpMethod::Post,
        HttpMethod::Delete,
        HttpMethod::Options,
        HttpMethod::Other,
    ];

    /// Which one `method` is.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET => HttpMethod::Get,
            Method::HEAD => HttpMethod::Head,
            Method::POST => HttpMethod::Post,
            Method::DELETE => HttpMethod::Delete,
            Method::OPTIONS => HttpMethod::Options,
            _ => HttpMethod::Other,
        }
    }

    /// Its name, `other` for the rest.
    pub const fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Get => "GET",
            HttpMethod::Head => "HEAD",
            HttpMethod::Post => "POST",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Options => "OPTIONS",
            HttpMethod::Other => "other",
        }
    }
}

/// Finished requests by route, method and outcome.
#[derive(Default)]
pub struct Requests(OnceLock<Box<[Tally]>>);

/// Where one combination is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Number of the route; see [`super::Metrics::new`].
    pub route: usize,
    /// HTTP method.
    pub method: HttpMethod,
    /// [`Outcome::index`].
    pub outcome: usize,
}

const PER_ROUTE: usize = HttpMethod::ALL.len() * Outcome::WORDS;

impl Requests {
    /// Bytes of the table of a client that is not silent, with so many routes.
    pub const fn size(routes: usize) -> usize {
        routes * PER_ROUTE * size_of::<Tally>()
    }

    /// Counts one request. The table is made at a client's first request, so that silent clients cost nothing.
    pub fn count(&self, routes: usize, cell: Cell) {
        let table = self.0.get_or_init(|| tallies(routes * PER_ROUTE));
        let at = cell.route * PER_ROUTE + cell.method as usize * Outcome::WORDS + cell.outcome;
        if let Some(tally) = table.get(at) {
            tally.add(1);
        }
    }

    /// All combinations that were counted at least once.
    pub fn iter(&self) -> impl Iterator<Item = (Cell, u64)> {
        self.0.get().into_iter().flatten().enumerate().filter_map(|(at, tally)| {
            let count = tally.get();
            let (route, rest) = (at / PER_ROUTE, at % PER_ROUTE);
            let method = *HttpMethod::ALL.get(rest / Outcome::WORDS)?;
            (count > 0).then_some((Cell { route, method, outcome: rest % Outcome::WORDS }, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_counted_is_read_back(route in 0usize..3, method in 0usize..6, outcome in 0..Outcome::WORDS, times in 1u64..5) {
            let requests = Requests::default();
            prop_assert_eq!(requests.iter().count(), 0);
            let cell = Cell { route, method: HttpMethod::ALL[method], outcome };
            (0..times).for_each(|_| requests.count(3, cell));
            prop_assert_eq!(requests.iter().collect::<Vec<_>>(), vec![(cell, times)]);
        }
    }
}
