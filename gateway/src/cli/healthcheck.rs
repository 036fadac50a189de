//! `gateway healthcheck`: is the running gateway alive?

use super::{Failure, admin};
use crate::config::Settings;
use std::path::Path;

pub(super) fn run(config: &Path) -> Result<(), Failure> {
    let address = admin::reachable(Settings::read(config)?.listen.admin);
    let answer = admin::get(address, "/livez")
        .map_err(|e| Failure::ours(format!("no answer from the admin port {address}: {e}")))?;
    match answer.status.as_str() {
        "200" => Ok(()),
        "" => Err(Failure::ours(format!("{address} does not answer as the admin port of a gateway does"))),
        status => Err(Failure::ours(format!("the gateway's admin port {address} answers /livez with {status}"))),
    }
}
