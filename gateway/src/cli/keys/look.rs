//! `gateway keys verify`.

use super::list::state;
use super::stdin;
use crate::access::KeyState;
use crate::access::secret::{Form, ImportError, Secret};
use crate::cli::failure::{Failure, print};
use crate::cli::when;
use crate::config::keys_file::Written;
use crate::config::moment;
use std::path::Path;
use std::time::SystemTime;

pub(super) fn verify(file: &Path, now: SystemTime) -> Result<(), Failure> {
    let secret = stdin::key(Secret::shown)?;
    let form = Secret::read(secret.expose().as_bytes());
    // a gateway would not look for it either
    if form == Form::Typo {
        return Err(ImportError::Typo.into());
    }
    let digest = secret.digest();
    let written = Written::read(file)?;
    let mut keys = written.clients.iter().flat_map(|client| client.keys.iter().map(move |key| (client, key)));
    let Some((client, key)) = keys.clone().find(|(_, key)| key.digest == digest) else {
        let form = match form {
            Form::Ours { id } if keys.any(|(_, key)| key.id.as_str() == id) => {
                format!("its id `{id}` is there, but with another secret")
            }
            Form::Ours { id } => format!("it is whole, and its id is `{id}`"),
            Form::Typo | Form::Foreign => "it was not made by a gateway".to_owned(),
        };
        return Err(Failure::configuration(format!("no client in {} has this key; {form}", file.display())));
    };
    let key_state = key.state(now);
    let begin = key.not_before.filter(|begin| *begin > now);
    let begin = begin.map(|begin| format!(", works from {} ({})", moment::text(begin), when::relative(begin, now)));
    let end = key.expires_at.map(|end| format!(", ends {} ({})", moment::text(end), when::relative(end, now)));
    let sentence = format!(
        "client {}, key {}, {}{}{}",
        client.id,
        key.id,
        state(key_state),
        begin.unwrap_or_default(),
        end.unwrap_or_default()
    );
    print(&sentence)?;
    if key_state == KeyState::Active { Ok(()) } else { Err(Failure::said()) }
}
