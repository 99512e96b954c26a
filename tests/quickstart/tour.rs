//! The commands, one after the other.

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::programs::{Programs, ServerProcess};
use selvedge_tests::harness::stage::Stage;

use crate::collections::{ALL, EVERY_TYPE};

const BACKUP: &str = "first";
const COPY: &str = "Copy";
const DIFFERENCES_SHOWN: usize = 20;

pub struct Tour<'a> {
    pub stage: &'a Stage,
    pub programs: &'a Programs,
    pub server: &'a ServerProcess,
}

impl Tour<'_> {
    /// True if nothing is different at the end.
    pub async fn run(&self) -> anyhow::Result<bool> {
        let all = ALL.map(|name| self.stage.name(name));
        let (every_type, copy) = (self.stage.name(EVERY_TYPE), self.stage.name(COPY));
        let pattern = self.stage.pattern();
        let ours: Vec<&str> = pattern.iter().map(String::as_str).collect();
        let before = Census::take(&self.stage.rest, &all).await?;

        explain("What is in Weaviate.");
        self.selvedge(&["collections"], &ours).await?;
        explain("Copy it into a backup: the collections that are named, or all.");
        self.selvedge(&["backup", "--id", BACKUP], &ours).await?;
        explain("What is in the repository, and in this backup.");
        self.selvedge(&["list"], &[]).await?;
        self.selvedge(&["show", BACKUP], &[]).await?;
        explain("One collection of it, under another name beside the original.");
        self.selvedge(&["restore", BACKUP, &every_type, "--rename", &format!("{every_type}={copy}")], &[])
            .await?;
        let copied = Census::take(&self.stage.rest, &[&copy]).await?;
        explain(
            "Remove all objects. At a terminal this asks for the names again; --yes stands for the answer.",
        );
        self.selvedge(&["clear", "--yes"], &all.each_ref().map(String::as_str)).await?;
        explain("Schemas and tenants are still there, objects are not.");
        self.selvedge(&["collections"], &ours).await?;
        let cleared = Census::take(&self.stage.rest, &all).await?;
        self.drop_collections(&all).await?;
        explain("All of it again, from the backup.");
        self.selvedge(&["restore", BACKUP], &[]).await?;
        let restored = Census::take(&self.stage.rest, &all).await?;

        let mut differences = before.emptied().differences(&cleared, &[]);
        differences.extend(before.only(&[&every_type]).differences(&copied, &[(&every_type, &copy)]));
        differences.extend(before.differences(&restored, &[]));
        Ok(conclude(&[copied, restored], &differences))
    }

    /// Shows the command as one would type it, and runs it on the terminal that the quick start was started on.
    async fn selvedge(&self, first: &[&str], more: &[&str]) -> anyhow::Result<()> {
        let arguments = [first, more].concat();
        let typed: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        let typed = format!("selvedge {}", typed.join(" "));
        println!("$ {typed}");
        let status = self.programs.client(&self.server.url).args(&arguments).status().await?;
        ensure!(status.success(), "`{typed}` ended with {status}");
        Ok(())
    }

    async fn drop_collections(&self, names: &[String]) -> anyhow::Result<()> {
        let rest = &self.stage.rest;
        explain(
            "A restore never touches a collection that exists, so the empty ones go first, by Weaviate's own API.",
        );
        println!("$ curl -X DELETE '{}/v1/schema/{{{}}}'", rest.url(), names.join(","));
        for name in names {
            rest.drop_class(name).await?;
        }
        Ok(())
    }
}

fn explain(text: &str) {
    println!("\n# {text}");
}

/// As a shell takes it for one word.
fn quoted(argument: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
    if argument.chars().all(harmless) { argument.to_owned() } else { format!("'{argument}'") }
}

/// Says what was compared and what came of it; true if nothing is different.
fn conclude(compared: &[Census], differences: &[String]) -> bool {
    explain(
        "Is all of it there? Not Selvedge's word: the quick start has read Weaviate itself, before and after, and",
    );
    println!("# compares schemas, tenants, and of every object each property and each bit of the vectors.");
    let objects: usize = compared.iter().map(Census::objects).sum();
    let collections: usize = compared.iter().map(Census::collections).sum();
    let found = match differences.len() {
        0 => "no difference".to_owned(),
        1 => "1 difference".to_owned(),
        count => format!("{count} differences"),
    };
    println!("compared {objects} objects in {collections} collections: {found}");
    differences.iter().take(DIFFERENCES_SHOWN).for_each(|difference| println!("  {difference}"));
    if differences.len() > DIFFERENCES_SHOWN {
        println!("  …");
    }
    differences.is_empty()
}
