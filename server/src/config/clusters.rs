//! Which clusters there are: the default one of the flags, and those of the file.

use std::time::Duration;

use secrecy::SecretString;

use super::file::Section;
use super::sources::{Printout, Sources};
use super::{address, key};
use selvedge_model::error::{Error, Result};
use selvedge_ops::DEFAULT_NAME;
use selvedge_weaviate::{ClientCredentials, ClusterConfig, Credentials};

/// `variable` is what `WEAVIATE_API_KEY` holds.
pub fn clusters(
    sources: &Sources,
    variable: Option<String>,
    shown: &mut Printout,
) -> Result<Vec<ClusterConfig>> {
    let mut sections = sources.file.clusters.clone();
    // Whoever names another address does not want the key of the file sent there.
    if sources.is_given("weaviate_url") || sections.is_empty() {
        sections.insert(DEFAULT_NAME.to_owned(), Section::empty());
    }
    if !sections.contains_key(DEFAULT_NAME) {
        refuse_strays(sources, variable.as_deref())?;
    }
    let cluster = |(name, section): (String, Section)| {
        let variable = variable.clone().filter(|_| name == DEFAULT_NAME);
        cluster(sources, &name, section, variable, shown)
    };
    sections.into_iter().map(cluster).collect()
}

/// What is for the default cluster, where there is none.
fn refuse_strays(sources: &Sources, variable: Option<&str>) -> Result<()> {
    let flags = ["weaviate_grpc_url", "weaviate_api_key_file"];
    let flag = flags.into_iter().find(|flag| sources.is_given(flag)).map(|flag| sources.origin(flag));
    let variable = variable.filter(|key| !key.trim().is_empty()).map(|_| key::VARIABLE.to_owned());
    let Some(stray) = flag.or(variable) else { return Ok(()) };
    let text = format!("{stray} is for the cluster \"{DEFAULT_NAME}\", and {} has none", sources.file.name);
    Err(Error::invalid("weaviate_url", text)
        .hint("leave it out, and write what it says into the section of its cluster"))
}

fn key_of_flags(
    sources: &Sources,
    variable: Option<String>,
    shown: &mut Printout,
) -> Result<Option<Credentials>> {
    let file = sources.flags.weaviate_api_key_file.as_deref();
    let found = key::load(file, variable)?;
    if found.is_some() {
        let origin =
            if file.is_some() { sources.origin("weaviate_api_key_file") } else { key::VARIABLE.to_owned() };
        shown.secret("api_key", origin);
    }
    Ok(found.map(Credentials::ApiKey))
}

/// What its section says, and of the default one what flags and variables say over it.
fn cluster(
    sources: &Sources,
    name: &str,
    mut section: Section,
    variable: Option<String>,
    shown: &mut Printout,
) -> Result<ClusterConfig> {
    let (flags, file) = (&sources.flags, sources.file.name.as_str());
    let place = section.place().to_owned();
    let of_file = |key, url: &str| address::weaviate_url(key, url).map_err(|error| error.context(&place));
    let is_default = name == DEFAULT_NAME;
    shown.section(format!("clusters.{name}"));
    let (url, origin) = match section.text("url")? {
        Some(url) => (of_file("url", &url)?, file.to_owned()),
        None if place.is_empty() => {
            let url = address::weaviate_url("--weaviate-url", &flags.weaviate_url)?;
            (url, sources.origin("weaviate_url"))
        }
        None => {
            let text = format!("{place} has no url");
            return Err(Error::invalid("config", text).hint("url = \"http://localhost:8080\""));
        }
    };
    shown.text("url", address::text(&url), origin);
    let grpc_of_flags = flags.weaviate_grpc_url.as_deref().filter(|url| is_default && !url.is_empty());
    let (grpc_url, origin) = match (grpc_of_flags, section.text("grpc_url")?) {
        (Some(grpc), _) => {
            (address::weaviate_url("--weaviate-grpc-url", grpc)?, sources.origin("weaviate_grpc_url"))
        }
        (None, Some(grpc)) => (of_file("grpc_url", &grpc)?, file.to_owned()),
        (None, None) => (address::default_grpc_url(&url), "from url".to_owned()),
    };
    shown.text("grpc_url", address::text(&grpc_url), origin);
    let (budget, origin) = budget(sources, &mut section)?;
    shown.text("retry_budget", humantime::format_duration(budget), origin);

    let of_flags = if is_default { key_of_flags(sources, variable, shown)? } else { None };
    let of_file = credentials(&mut section, file, of_flags.is_none(), shown)?;
    let ca_file = section.text("ca_file")?;
    if let Some(ca_file) = &ca_file {
        shown.text("ca_file", ca_file, file);
    }
    let headers = section.pairs("headers")?;
    for (header, _) in &headers {
        shown.secret(&format!("headers.{header}"), file);
    }
    section.finish()?;
    Ok(ClusterConfig {
        name: name.to_owned(),
        rest_url: address::text(&url),
        grpc_url: address::text(&grpc_url),
        credentials: of_flags.or(of_file),
        ca_file: ca_file.map(Into::into),
        headers: headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        retry_budget: budget,
    })
}

/// Its own, unless a flag or its variable says otherwise.
pub fn budget(sources: &Sources, section: &mut Section) -> Result<(Duration, String)> {
    let own = section.text("retry_budget")?;
    let of_flags = (*sources.flags.retry_budget, sources.origin("retry_budget"));
    match own.filter(|_| !sources.is_given("retry_budget")) {
        None => Ok(of_flags),
        Some(text) => match humantime::parse_duration(&text) {
            Ok(budget) => Ok((budget, sources.file.name.clone())),
            Err(error) => {
                let text = format!("retry_budget in {} is not a time", section.place());
                Err(Error::invalid("config", text).hint("write it as 10m or 30s").caused_by(error))
            }
        },
    }
}

fn credentials(
    section: &mut Section,
    file: &str,
    is_wanted: bool,
    shown: &mut Printout,
) -> Result<Option<Credentials>> {
    let place = section.place().to_owned();
    let key = section.secret("api_key", "api_key_file")?;
    let oidc = section.section("oidc")?;
    match (key, oidc) {
        (Some(_), Some(_)) => Err(Error::invalid(
            "config",
            format!("{place} has both a key and oidc: Weaviate takes one of them"),
        )),
        (None, None) => Ok(None),
        (Some(key), None) => {
            if is_wanted {
                shown.secret("api_key", file);
            }
            Ok(Some(Credentials::ApiKey(key::checked(&place, &key)?)))
        }
        (None, Some(mut oidc)) => {
            let place = oidc.place().to_owned();
            let secret = oidc.secret("client_secret", "client_secret_file")?;
            let secret: Option<SecretString> = secret.map(Into::into);
            let (client_id, token_url) = (oidc.text("client_id")?, oidc.text("token_url")?);
            let scopes = oidc.texts("scopes")?;
            oidc.finish()?;
            if is_wanted {
                shown.secret("oidc.client_secret", file);
                for (key, value) in [("oidc.client_id", &client_id), ("oidc.token_url", &token_url)] {
                    if let Some(value) = value {
                        shown.text(key, value, file);
                    }
                }
            }
            let client_secret =
                secret.ok_or_else(|| Error::invalid("config", format!("{place} has no client_secret")))?;
            Ok(Some(Credentials::Oidc(ClientCredentials { client_id, client_secret, scopes, token_url })))
        }
    }
}
