//! What is logged, as `log.level` and `GATEWAY_LOG` write it.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// A filter as `log.level` writes it: levels, one for all and others for the modules that they name, with a comma between
/// any two. A word that is neither is nothing, so that a level with a typo is not taken for the name of a module.
pub(crate) fn levels(text: &str) -> Option<Targets> {
    let level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let known = |part: &str| match part.split_once('=') {
        Some((module, word)) => !module.is_empty() && level(word),
        None => level(part),
    };
    if text.split(',').all(known) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::levels;

    #[test]
    fn each_part_of_a_filter_is_a_level() {
        for good in ["info", "off", "WARN", "warn,gateway=debug", "gateway::serve=trace,hyper=warn"] {
            assert!(levels(good).is_some(), "{good}");
        }
        for bad in ["", "inf", "info,", "loud,gateway=debug", "gateway", "gateway=loud", "=,=", "=info", "a=info=info"]
        {
            assert!(levels(bad).is_none(), "{bad}");
        }
    }
}
