//! Where everything is measured: a Weaviate, a Selvedge server on it, and the bare client.

use selvedge_tests::harness::stage::Stage;
use serde_json::Value;

use crate::bare::Bare;
use crate::running::Selvedge;

pub struct Ground<'a> {
    pub stage: &'a Stage,
    pub selvedge: &'a mut Selvedge,
    pub bare: Bare,
}

impl Ground<'_> {
    /// Makes an empty class, whatever is there under its name.
    pub async fn create(&self, class: &Value) -> anyhow::Result<()> {
        self.drop_class(class["class"].as_str().unwrap_or_default()).await?;
        self.stage.rest.create(class).await
    }

    /// One that is not there is not missed.
    pub async fn drop_class(&self, name: &str) -> anyhow::Result<()> {
        if self.stage.rest.classes().await?.iter().any(|there| there == name) {
            self.stage.rest.drop_class(name).await?;
        }
        Ok(())
    }

    /// Ends the server, and makes room: of classes, backups, and memory.
    pub async fn clear(&mut self, classes: &[&str]) -> anyhow::Result<()> {
        self.selvedge.stop().await?;
        for name in classes {
            self.drop_class(name).await?;
        }
        self.forget_backups()
    }

    /// Makes room for what comes next. No job may be running.
    pub fn forget_backups(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(self.stage.repository().join("backups"))?)
    }
}
