//! Which backups `latest` is the newest whole one of.

use selvedge_proto::v1::LatestOf;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Latest {
    /// With `latest`: the newest whole backup of this cluster.
    #[arg(long, value_name = "NAME")]
    from_cluster: Option<String>,
    /// With `latest`: the newest whole backup that has this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

impl Latest {
    /// None for all.
    pub fn of(self) -> Option<LatestOf> {
        let Self { from_cluster, tag } = self;
        let is_some = from_cluster.is_some() || tag.is_some();
        is_some.then(|| LatestOf { cluster: from_cluster.unwrap_or_default(), tag: tag.unwrap_or_default() })
    }
}
