//! The file of callers.
//!
//! ```toml
//! [[tokens]]
//! name = "nightly"
//! role = "operate"
//! blake3 = "…"                          # of the token, in hex; `selvedge-server token` makes both
//!
//! [[certificates]]
//! name = "grafana"
//! role = "read"
//! dns_name = "grafana.example.com"      # of a certificate that the server's client_ca has signed
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, DnsName};
use serde::Deserialize;

use super::rights::{Caller, Role};
use super::token::TokenHash;
use crate::changes::Changes;
use selvedge_model::error::{Error, Result};
use webpki::EndEntityCert;

/// Everybody who may call. Read anew when the file changes. Clones share it.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Admission>);

#[derive(Debug)]
enum Admission {
    /// Whoever reaches the server.
    Anybody,
    /// Whoever has a certificate that the server's authority has signed.
    AnyCertificate,
    Listed {
        file: PathBuf,
        has_authority: bool,
        now: Mutex<(Changes, Arc<List>)>,
    },
}

#[derive(Debug, Default)]
struct List {
    tokens: Vec<(TokenHash, Caller)>,
    certificates: Vec<(String, Caller)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToml {
    #[serde(default)]
    tokens: Vec<TokenToml>,
    #[serde(default)]
    certificates: Vec<CertificateToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenToml {
    name: String,
    role: String,
    blake3: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateToml {
    name: String,
    role: String,
    dns_name: String,
}

impl Callers {
    /// Without a file: everybody, or whoever has a certificate if they are asked for.
    pub fn load(file: Option<&Path>, has_authority: bool) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self(Arc::new(if has_authority {
                Admission::AnyCertificate
            } else {
                Admission::Anybody
            })));
        };
        let changes = Changes::of([file]);
        let list = Arc::new(List::read(file, has_authority)?);
        Ok(Self(Arc::new(Admission::Listed {
            file: file.to_owned(),
            has_authority,
            now: Mutex::new((changes, list)),
        })))
    }

    /// Whoever reaches the server.
    pub fn anybody() -> Self {
        Self(Arc::new(Admission::Anybody))
    }

    pub fn are_anybody(&self) -> bool {
        matches!(&*self.0, Admission::Anybody)
    }

    /// Whether who has no certificate cannot be anybody. Of those in a list the gate decides: the list may change.
    pub fn need_certificates(&self) -> bool {
        matches!(&*self.0, Admission::AnyCertificate)
    }

    /// Who shows this; None if nobody who may call does. The certificate is one that the authority has signed.
    pub fn find(&self, token: Option<&str>, certificate: Option<&CertificateDer<'_>>) -> Option<Caller> {
        match &*self.0 {
            Admission::Anybody => Some(Caller::ANYBODY),
            Admission::AnyCertificate => {
                let names = certificate.map(dns_names)?;
                Some(Caller { name: names.into_iter().next(), role: Role::Destroy })
            }
            Admission::Listed { .. } => {
                let list = self.list()?;
                token.and_then(|token| list.of_token(token)).or_else(|| list.of_certificate(certificate?))
            }
        }
    }

    /// As the file has it now; as it was, if it cannot be read any more.
    fn list(&self) -> Option<Arc<List>> {
        let Admission::Listed { file, has_authority, now } = &*self.0 else { return None };
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.have_come() {
            match List::read(file, *has_authority) {
                Ok(list) => {
                    tracing::info!(file = %file.display(), "the file of callers has changed and was read anew");
                    now.1 = Arc::new(list);
                }
                Err(error) => {
                    tracing::error!(%error, "the file of callers has changed and cannot be used: it stays as it was");
                    now.0.forget();
                }
            }
        }
        Some(Arc::clone(&now.1))
    }
}

impl List {
    fn read(file: &Path, has_authority: bool) -> Result<Self> {
        let bad = |what: String| {
            Error::invalid("callers", format!("{}: {what}", file.display()))
                .hint("see the example in the documentation; `selvedge-server token NAME` makes an entry")
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| bad("the file of callers cannot be read".to_owned()).caused_by(error))?;
        let FileToml { tokens, certificates } =
            toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
        let caller = |name: &str, role: &str| -> Result<Caller> {
            let role = role.parse().map_err(|()| {
                bad(format!("\"{name}\" has the role \"{role}\", and there are read, operate and destroy"))
            })?;
            Ok(Caller { name: Some(name.to_owned()), role })
        };
        let token = |TokenToml { name, role, blake3 }: TokenToml| {
            let hash = blake3.parse().map_err(|_| {
                bad(format!("the blake3 of \"{name}\" is no hash of 64 hexadecimal digits; a token itself does not belong here"))
            })?;
            Ok((hash, caller(&name, &role)?))
        };
        let certificate = |CertificateToml { name, role, dns_name }: CertificateToml| {
            DnsName::try_from(dns_name.as_str())
                .map_err(|_| bad(format!("the dns_name of \"{name}\" is none")))?;
            Ok((dns_name.to_lowercase(), caller(&name, &role)?))
        };
        let list = Self {
            tokens: tokens.into_iter().map(token).collect::<Result<_>>()?,
            certificates: certificates.into_iter().map(certificate).collect::<Result<_>>()?,
        };
        if !list.certificates.is_empty() && !has_authority {
            let text = "there are certificates in it, and no authority whose certificates are taken";
            return Err(bad(text.to_owned()).also("name the authority with --tls-client-ca"));
        }
        if list.tokens.is_empty() && list.certificates.is_empty() {
            return Err(bad("nobody is in it, so that nobody could call".to_owned()));
        }
        Ok(list)
    }

    /// Looks at all of them, so that the time tells nothing of who is in it.
    fn of_token(&self, token: &str) -> Option<Caller> {
        let hash = TokenHash::of(token);
        let same = self.tokens.iter().filter(|(known, _)| *known == hash);
        same.map(|(_, caller)| caller.clone()).reduce(|first, _| first)
    }

    fn of_certificate(&self, certificate: &CertificateDer<'_>) -> Option<Caller> {
        let names = dns_names(certificate);
        let known = self.certificates.iter().find(|(name, _)| names.contains(name));
        known.map(|(_, caller)| caller.clone())
    }
}

fn dns_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    match EndEntityCert::try_from(certificate) {
        Ok(certificate) => certificate.valid_dns_names().map(str::to_lowercase).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Token;
    use super::*;

    fn listed(text: &str) -> (tempfile::TempDir, Result<Callers>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("callers.toml");
        std::fs::write(&file, text).unwrap();
        let callers = Callers::load(Some(&file), true);
        (dir, callers)
    }

    #[test]
    fn a_token_is_its_caller_and_only_the_whole_of_it() {
        let token = Token::generate();
        let entry = format!("[[tokens]]\nname = 'ci'\nrole = 'operate'\nblake3 = '{}'", token.hash());
        let (_dir, callers) = listed(&entry);
        let callers = callers.unwrap();
        let found = callers.find(Some(token.reveal()), None).unwrap();
        assert_eq!(found, Caller { name: Some("ci".to_owned()), role: Role::Operate });
        for wrong in
            ["", "x", &token.reveal()[1..], &format!("{} ", token.reveal()), &token.hash().to_string()]
        {
            assert_eq!(callers.find(Some(wrong), None), None, "{wrong}");
        }
        assert_eq!(callers.find(None, None), None);
        assert!(!format!("{callers:?}{token:?}").contains(&token.hash().to_string()));
        assert!(!format!("{token:?}").contains(token.reveal()));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused() {
        let cases = [
            ("", "nobody is in it"),
            ("[[tokens]]\nname = 'a'\nrole = 'admin'\nblake3 = 'x'", "no hash"),
            ("[[certificates]]\nname = 'a'\nrole = 'admin'\ndns_name = 'x.y'", "read, operate and destroy"),
            ("[[certificates]]\nname = 'a'\nrole = 'read'\ndns_name = 'x y'", "dns_name"),
            ("[[token]]", "token"),
        ];
        for (text, told) in cases {
            let error = listed(text).1.unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
