//! `gateway certs new`: a private authority and a server certificate, for development and for networks without a
//! public name.

mod files;

use super::Failure;
use super::failure::{print, say};
use crate::access::secret::fresh_id;
use crate::config::moment;
use crate::config::settings::host_name;
use clap::{Args, Subcommand};
use files::{Files, Kept};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// Make certificates
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Certs {
    /// Make a private CA and a server certificate; where the CA exists, renew the server certificate under it
    #[command(after_help = EXAMPLES)]
    New(New),
}

const EXAMPLES: &str = "\
Examples:
  gateway certs new --out config
  gateway certs new --out /etc/gateway --name mcp.example.com --name 10.0.0.7 --days 90
  curl --cacert config/ca.pem https://localhost:8443/health

Writes ca.pem (for clients), server.pem and server.key (for the gateway), and ca.key, which only this command needs:
run it again to renew the server certificate, and keep ca.key away from the gateway's machine if you can.";

#[derive(Debug, Args)]
pub(super) struct New {
    /// Directory for the files; made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Host name or IP address that clients use; may be given several times
    #[arg(long = "name", value_name = "NAME", num_args = 1.., value_delimiter = ',',
          default_values = ["localhost", "127.0.0.1", "::1"])]
    names: Vec<String>,
    /// How long the server certificate is valid
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Replace whatever is there, the CA too; clients then need the new ca.pem
    #[arg(long)]
    force: bool,
    /// Let the group read server.key (mode 0640), for a gateway that runs as another user; a renewed one stays as it was
    #[arg(long)]
    group_readable: bool,
}

/// Clocks differ: a certificate that is a second old is from the future on some machine.
const BACKDATED: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const CA_DAYS: u32 = 3_650;

impl Certs {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Certs::New(new) => new.run(SystemTime::now()),
        }
    }
}

impl New {
    fn run(self, now: SystemTime) -> Result<(), Failure> {
        let names = self.names.iter().map(|name| name_of(name)).collect::<Result<Vec<_>, _>>()?;
        let files = Files::in_directory(&self.out, self.group_readable)?;
        let kept = if self.force { None } else { files.kept()? };
        let server_key = key()?;
        let (server, not_after) = match &kept {
            Some(ca) => {
                say(format_args!("renewing under the existing CA {}", files.ca.display()));
                self.server(&names, &server_key, now, ca)?
            }
            None => {
                let (ca, ca_key, pem) = new_authority(now)?;
                files.write_authority(&pem, &ca_key)?;
                self.server(&names, &server_key, now, &Kept { issuer: ca, not_after: now + DAY * CA_DAYS })?
            }
        };
        files.write_server(&server.pem(), &Zeroizing::new(server_key.serialize_pem()))?;
        print(format_args!("{}\n{}\n{}", files.ca.display(), files.server.display(), files.server_key.display()))?;
        say(format_args!("valid for {} until {}", names.join(", "), moment::text(not_after)));
        say(format_args!("clients trust it through {}", files.ca.display()));
        Ok(())
    }

    fn server(
        &self,
        names: &[String],
        key: &KeyPair,
        now: SystemTime,
        ca: &Kept,
    ) -> Result<(Certificate, SystemTime), Failure> {
        let not_after = now + DAY * self.days;
        if not_after > ca.not_after {
            return Err(Failure::configuration(format!(
                "the CA ends on {}, before this certificate would; give fewer --days, or --force for a new CA",
                moment::text(ca.not_after)
            )));
        }
        let mut params = CertificateParams::new(names).map_err(ours)?;
        params.distinguished_name = named(names.iter().find(|name| name.len() <= 64).map_or("gateway", |name| name));
        params.not_before = (now - BACKDATED).into();
        params.not_after = not_after.into();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok((params.signed_by(key, &ca.issuer).map_err(ours)?, not_after))
    }
}

/// A new authority: its issuer, its key as PEM and its certificate as PEM.
fn new_authority(now: SystemTime) -> Result<(Issuer<'static, KeyPair>, Zeroizing<String>, String), Failure> {
    let key = key()?;
    let mut params = CertificateParams::default();
    // two authorities of one name and different keys confuse clients that trust both
    params.distinguished_name = named(&format!("MCP gateway private CA {}", fresh_id()?));
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + DAY * CA_DAYS).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.self_signed(&key).map_err(ours)?;
    let key_pem = Zeroizing::new(key.serialize_pem());
    Ok((Issuer::new(params, key), key_pem, certificate.pem()))
}

fn key() -> Result<KeyPair, Failure> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(ours)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn name_of(text: &str) -> Result<String, Failure> {
    let sentence = || {
        format!(
            "--name {text}: not a host name or IP address; write one such as mcp.example.com, without scheme or port"
        )
    };
    host_name(text).ok_or_else(|| Failure::configuration(sentence()))
}

fn ours(error: rcgen::Error) -> Failure {
    Failure::ours(format!("cannot make a certificate: {error}"))
}
