//! Which repositories there are: the default one of the flags, and those of the file.

use super::file::Section;
use super::sources::{Printout, Sources};
use super::{DEFAULT_REPOSITORY, Make, RepositoryPlace, address, clusters, encryption};
use selvedge_archive::{RepositoryConfig, StoreOption};
use selvedge_model::error::{Error, Result};
use selvedge_ops::DEFAULT_NAME;

pub fn repositories(
    sources: &Sources,
    environment: &[(String, String)],
    shown: &mut Printout,
) -> Result<Vec<RepositoryPlace>> {
    let mut places = Vec::new();
    let sections = &sources.file.repositories;
    let is_named = sources.flags.repository.is_some();
    if is_named || sections.is_empty() {
        let origins = (sources.origin("repository"), sources.origin("retry_budget"));
        places.push((of_flags(sources, environment)?, origins));
    } else {
        refuse_strays(sources, environment)?;
    }
    for (name, section) in sections {
        // Whoever names another place does not want the settings of the file for it.
        if !(is_named && name == DEFAULT_NAME) {
            let (place, budget) = of_section(sources, name, section.clone(), environment)?;
            places.push((place, (sources.file.name.clone(), budget)));
        }
    }
    let place = |(place, (origin, budget)): (RepositoryPlace, (String, String))| {
        let config = place.config.with_environment(environment.iter().cloned());
        config.check().map_err(|error| error.context(&origin))?;
        show(&config, place.make, &origin, &budget, shown);
        Ok(RepositoryPlace { config, ..place })
    };
    places.into_iter().map(place).collect()
}

/// What is for the repository of the flags, where there is none.
fn refuse_strays(sources: &Sources, environment: &[(String, String)]) -> Result<()> {
    // The variable may be one that a section names.
    let is_named = sources.file.repositories.values().any(|section| section.has("encryption"));
    let variables = if is_named { &[] } else { environment };
    if encryption::of_flags(sources, variables)?.is_none() {
        return Ok(());
    }
    let text = format!(
        "--recipient, --identity-file and passphrases of the environment are for --repository, and {} has repositories of its own",
        sources.file.name
    );
    Err(Error::invalid("encryption", text).hint("write them under [repositories.NAME.encryption] there"))
}

fn of_flags(sources: &Sources, environment: &[(String, String)]) -> Result<RepositoryPlace> {
    let flags = &sources.flags;
    let named = flags.repository.as_deref();
    let url = address::repository_url("--repository", named.unwrap_or(DEFAULT_REPOSITORY))?;
    let make = match named {
        _ if flags.create_repository => Make::Always,
        Some(_) => Make::Never,
        None => Make::IfVacant,
    };
    let (retry_budget, encryption) = (*flags.retry_budget, encryption::of_flags(sources, environment)?);
    let config = RepositoryConfig { retry_budget, encryption, ..RepositoryConfig::new(DEFAULT_NAME, url) };
    Ok(RepositoryPlace { config, make })
}

fn of_section(
    sources: &Sources,
    name: &str,
    mut section: Section,
    environment: &[(String, String)],
) -> Result<(RepositoryPlace, String)> {
    let place = section.place().to_owned();
    let missing = || {
        Error::invalid("config", format!("{place} has no url"))
            .hint("url = \"s3://bucket/folder\", or a folder")
    };
    let url = address::repository_url("url", &section.text("url")?.ok_or_else(missing)?)
        .map_err(|error| error.context(&place))?;
    let create = section.is_set("create")? || (sources.flags.create_repository && name == DEFAULT_NAME);
    let exclusive = section.is_set("exclusive")?;
    let ca_file = section.text("ca_file")?.map(Into::into);
    let (retry_budget, budget) = clusters::budget(sources, &mut section)?;
    let encryption = section.section("encryption")?;
    let encryption = encryption.map(|section| encryption::of_section(section, environment)).transpose()?;
    let config =
        RepositoryConfig { ca_file, exclusive, encryption, retry_budget, ..RepositoryConfig::new(name, url) };
    let options = section.rest(|key| config.knows(key) && !RepositoryConfig::is_file_name(key))?;
    let options = options.into_iter().map(|(key, value)| StoreOption::new(key, value)).collect();
    let make = if create { Make::Always } else { Make::Never };
    Ok((RepositoryPlace { config: RepositoryConfig { options, ..config }, make }, budget))
}

/// Taken apart field by field, so that a new one does not compile until somebody decides whether it may be shown.
fn show(config: &RepositoryConfig, make: Make, origin: &str, budget: &str, shown: &mut Printout) {
    let RepositoryConfig { name, url, options, ca_file, exclusive, encryption, retry_budget } = config;
    shown.section(format!("repositories.{name}"));
    shown.text("url", url, origin);
    for option in options {
        let origin = option.variable.as_deref().unwrap_or(origin);
        match option.is_secret() {
            true => shown.secret(&option.key, origin),
            false => shown.text(&option.key, &option.value, origin),
        }
    }
    if let Some(file) = ca_file {
        shown.text("ca_file", file.display(), origin);
    }
    if make == Make::Always {
        shown.bare("create", true, origin);
    }
    if *exclusive {
        shown.bare("exclusive", exclusive, origin);
    }
    if let Some(encryption) = encryption {
        encryption::show(encryption, origin, shown);
    }
    if !options.is_empty() {
        shown.text("retry_budget", humantime::format_duration(*retry_budget), budget);
    }
}
