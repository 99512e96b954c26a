//! TLS, and who may call.

use std::sync::Arc;

use super::flags::Flags;
use super::sources::{Printout, Sources};
use crate::access::Callers;
use crate::listener::{Certificates, Tls};
use selvedge_model::error::{Error, Result};

/// How the server is shielded from those who are not meant to call. The default is not at all.
#[derive(Clone)]
pub struct Security {
    pub certificates: Option<Arc<Certificates>>,
    pub callers: Callers,
}

impl Default for Security {
    fn default() -> Self {
        Self { certificates: None, callers: Callers::anybody() }
    }
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security")
            .field("tls", &self.certificates.is_some())
            .field("callers", &self.callers)
            .finish()
    }
}

impl Security {
    pub fn load(sources: &Sources, shown: &mut Printout) -> Result<Self> {
        let Flags { tls_cert, tls_key, tls_client_ca, callers, .. } = &sources.flags;
        let files = [
            ("tls_cert", tls_cert),
            ("tls_key", tls_key),
            ("tls_client_ca", tls_client_ca),
            ("callers", callers),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                shown.text(key, file.display(), sources.origin(key));
            }
        }
        let tls = match (tls_cert.clone(), tls_key.clone()) {
            (Some(cert), Some(key)) => Some(Tls { cert, key, client_ca: tls_client_ca.clone() }),
            (None, None) if tls_client_ca.is_none() => None,
            _ => {
                let text = "TLS needs both a certificate and its key";
                return Err(Error::invalid("tls", text).hint("give --tls-cert and --tls-key"));
            }
        };
        let callers = Callers::load(callers.as_deref(), tls_client_ca.is_some())?;
        let certificates = tls.map(|tls| Certificates::load(tls, callers.need_certificates()));
        Ok(Self { certificates: certificates.transpose()?.map(Arc::new), callers })
    }

    /// Whether it may be reached from elsewhere: nobody can listen in, and not everybody may call.
    pub fn is_tight(&self) -> bool {
        self.certificates.is_some() && !self.callers.are_anybody()
    }
}
