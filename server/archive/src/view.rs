//! `view.sql`: an incremental backup's collection as one table, for DuckDB.

use std::fmt::Write;

use object_store::path::Path;

/// The statement that makes it. `prefix` comes before every place in the repository: nothing in a folder, where it is to be run,
/// and the URL of a bucket. `hidden` is where `hidden.parquet` is, if there is one.
pub fn statement(collection: &str, prefix: &str, files: &[Path], hidden: Option<&Path>) -> String {
    let name = collection.replace('"', "\"\"");
    let mut text = format!(
        "-- All objects of the collection, from files of this backup and of those before it, without the rows that were\n\
         -- superseded or deleted since. For DuckDB, in the folder of the repository.\n\
         CREATE OR REPLACE VIEW \"{name}\" AS\nSELECT * EXCLUDE (file, file_row_number)\nFROM read_parquet([\n"
    );
    let quoted = |path: &Path| format!("'{}'", format!("{prefix}{path}").replace('\'', "''"));
    for (at, file) in files.iter().enumerate() {
        let comma = if at + 1 < files.len() { "," } else { "" };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "  {}{comma}", quoted(file));
    }
    text.push_str("], filename = 'file', file_row_number = true)");
    if let Some(hidden) = hidden {
        let prefix = prefix.replace('\'', "''");
        let _ = write!(
            text,
            "\nANTI JOIN (\n  SELECT '{prefix}' || file AS file, file_row_number FROM read_parquet({})\n) AS hidden USING (file, file_row_number)",
            quoted(hidden)
        );
    }
    text.push_str(";\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_repository_and_nothing_ends_a_text_early() {
        let files = ["backups/a/collections/C/data/x.parquet", "backups/it's/y.parquet"].map(Path::from);
        let hidden = Path::from("backups/b/collections/C/hidden.parquet");
        let text = statement("C", "", &files, Some(&hidden));
        assert!(text.contains("  'backups/a/collections/C/data/x.parquet',\n  'backups/it''s/y.parquet'\n]"));
        assert!(text.contains("SELECT '' || file AS file, file_row_number FROM read_parquet('backups/b/"));
        let text = statement("C", "s3://bucket/", &files, None);
        assert!(text.contains("'s3://bucket/backups/a/collections") && !text.contains("ANTI JOIN"));
    }
}
