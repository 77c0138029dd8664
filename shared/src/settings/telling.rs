//! Whom to tell, and when.

use crate::message::Outcome;
use crate::notify::Channels;
use crate::notify::alertmanager::Alertmanager;
use crate::notify::email::{self, Email, Login, Tls};
use crate::notify::pagerduty::{self, PagerDuty};
use crate::notify::webhook::Webhook;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::settings::read::{Reader, choice};
use crate::value;

/// The channels and the occasions.
#[derive(Debug, Clone)]
pub struct Telling {
    /// Where messages go.
    pub channels: Channels,
    /// For which outcomes.
    pub on: Vec<Outcome>,
}

/// Reads the channels. Without `notify_on` people are told of `otherwise`.
pub fn telling(read: &mut Reader, otherwise: &[Outcome]) -> Telling {
    telling_beside(read, otherwise, false)
}

/// The same, where `signs` says whether `webhook_secret` has something to sign beside the settings.
pub fn telling_beside(read: &mut Reader, otherwise: &[Outcome], signs: bool) -> Telling {
    let wanted = "a list of success, warning and failure, or never";
    let words = [Outcome::Success, Outcome::Warning, Outcome::Failure]
        .map(|outcome| (outcome.word(), outcome));
    let on = read.read("notify_on", |text| {
        match text.trim().to_ascii_lowercase().as_str() {
            "never" => Ok(Vec::new()),
            "always" => Ok(words.map(|(_, outcome)| outcome).to_vec()),
            _ => value::list(text)?
                .iter()
                .map(|word| choice(word, &words, wanted))
                .collect(),
        }
    });
    let channels = Channels {
        slack: read.read("slack_webhook_url", web_address).map(Secret::new),
        email: mail(read),
        webhook: webhook(read, signs),
        pagerduty: pagerduty(read),
        alertmanager: read
            .read("alertmanager_url", web_address)
            .map(|url| Alertmanager {
                url: Secret::new(url),
            }),
    };
    Telling {
        channels,
        on: on.unwrap_or_else(|| otherwise.to_vec()),
    }
}

fn web_address(text: &str) -> Result<String, value::Expected> {
    let text = text.trim();
    let wanted = "an address that begins with https:// or http://";
    let web = crate::endpoint::Endpoint::parse(text)
        .is_ok_and(|e| e.scheme != crate::endpoint::Scheme::Tcp);
    if web {
        Ok(text.to_owned())
    } else {
        Err(wanted)
    }
}

fn pagerduty(read: &mut Reader) -> Option<PagerDuty> {
    let url = read.read("pagerduty_url", web_address);
    let routing_key = read.text("pagerduty_routing_key").map(Secret::new);
    if url.is_some() && routing_key.is_none() && !read.is_misspelt("pagerduty_routing_key") {
        read.refuse("pagerduty_url", "a pagerduty_routing_key beside it");
    }
    Some(PagerDuty {
        url: url.unwrap_or_else(|| pagerduty::ADDRESS.to_owned()),
        routing_key: routing_key?,
    })
}

fn webhook(read: &mut Reader, signs: bool) -> Option<Webhook> {
    let url = read.read("webhook_url", web_address).map(Secret::new);
    let secret = read.text("webhook_secret").map(Secret::new);
    // The same secret signs the calls of a deployment webhook, and of one that is in the policy.
    let signs = signs
        || ["webhook_url", "deployment_webhook"]
            .iter()
            .any(|name| read.given(name).is_some());
    if secret.is_some() && !signs {
        read.refuse("webhook_secret", "a webhook_url beside it");
    }
    Some(Webhook { url: url?, secret })
}

fn mail(read: &mut Reader) -> Option<Email> {
    let tls = read.read("smtp_tls", Tls::parse).unwrap_or(Tls::StartTls);
    let port = read.read("smtp_port", |text| {
        text.trim()
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("a port from 1 to 65535")
    });
    let from = read.read("email_from", email::address);
    let to = read.read("email_to", |text| {
        let to = value::list(text)?
            .iter()
            .map(|one| email::address(one))
            .collect::<Result<Vec<_>, _>>()?;
        (!to.is_empty()).then_some(to).ok_or("at least one address")
    });
    let login = login(read, tls);
    let Some(server) = read.text("smtp_server") else {
        if read.given("email_to").is_some() {
            read.problem(Problem::unseen(
                read.written("email_to"),
                "an smtp_server beside it",
            ));
        }
        return None;
    };
    // A plain SMTP_SERVER is often there for all of a team's steps: alone it does not mean that this one sends mail.
    let is_plain = read
        .given("smtp_server")
        .is_some_and(|given| given.written == "SMTP_SERVER");
    if is_plain && read.given("email_to").is_none() {
        return None;
    }
    for name in ["email_from", "email_to"] {
        if read.given(name).is_none() {
            read.problem(Problem::unseen(
                name,
                "an address, because mail is to be sent",
            ));
        }
    }
    let port = port.unwrap_or_else(|| tls.default_port());
    Some(Email {
        server,
        port,
        login,
        tls,
        from: from?,
        to: to?,
    })
}

fn login(read: &mut Reader, tls: Tls) -> Option<Login> {
    let (username, password) = (
        read.text("smtp_username").map(Secret::new),
        read.text("smtp_password").map(Secret::new),
    );
    if username.is_some() != password.is_some() {
        let names = ("smtp_username", "smtp_password");
        let (given, missing) = if username.is_some() {
            names
        } else {
            (names.1, names.0)
        };
        read.refuse(given, format!("{missing} beside it"));
    }
    if tls == Tls::None && password.is_some() {
        let hint = "the password would cross the network in clear; use starttls or implicit";
        read.problem(Problem::new(read.written("smtp_tls"), "none", "TLS for a login").hint(hint));
    }
    Some(Login {
        username: username?,
        password: password?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::catalog::Plugin;
    use crate::settings::environment::Environment;
    use crate::settings::raw::Raw;

    fn problems(plugin: Plugin, pairs: &[(&str, &str)]) -> usize {
        let environment = Environment::of(pairs.iter().map(|(n, v)| (n.into(), v.into())));
        let (raw, _) = Raw::gather(plugin, &BTreeMap::new(), &environment);
        let mut read = Reader::new(&raw);
        let _ = telling(&mut read, &[]);
        read.finish().len()
    }

    #[test]
    fn an_address_of_pagerduty_needs_a_key() {
        let address = (
            "PLUGIN_PAGERDUTY_URL",
            "https://events.eu.pagerduty.com/v2/enqueue",
        );
        let key = ("PLUGIN_PAGERDUTY_ROUTING_KEY", "0123456789abcdef");
        assert_eq!(problems(Plugin::Health, &[address]), 1);
        assert_eq!(problems(Plugin::Health, &[address, key]), 0);
        assert_eq!(problems(Plugin::Health, &[key]), 0);
    }

    #[test]
    fn a_webhook_secret_needs_something_to_sign() {
        let secret = ("PLUGIN_WEBHOOK_SECRET", "k3y-k3y-k3y");
        let deployment = ("PLUGIN_DEPLOYMENT_WEBHOOK", "https://deploy.example/");
        assert_eq!(problems(Plugin::Progressive, &[secret]), 1);
        assert_eq!(problems(Plugin::Progressive, &[secret, deployment]), 0);
        // Not a setting of this plugin, so it signs nothing there.
        assert_eq!(problems(Plugin::Health, &[secret, deployment]), 1);
    }
}
