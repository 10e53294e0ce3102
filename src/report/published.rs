//! The images of a version, as a table: in the job summary and in the notes of the release.

use super::markdown::{code, cut, escape};
use super::record::{Image, Record};

/// Rows; the record has them all.
const ROWS: usize = 100;
/// Names of one image.
const NAMES: usize = 12;
/// Bytes of a foreign text.
const NAME: usize = 200;

/// A row for each registry or region of each image.
pub(crate) fn published(record: &Record) -> String {
    let images: Vec<&Image> = record.images().collect();
    if images.is_empty() {
        return "No image was published.\n".to_owned();
    }
    let mut text = "| Image | Where | Names | Digest or id |\n| --- | --- | --- | --- |\n".to_owned();
    for image in images.iter().take(ROWS) {
        let names: Vec<String> = image.tags.iter().take(NAMES).map(|tag| code(&cut(tag, NAME))).collect();
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            code(&cut(&image.build, NAME)),
            escape(&cut(image.location.as_deref().unwrap_or_default(), NAME)),
            names.join("<br>"),
            code(&cut(image.digest.as_ref().unwrap_or(&image.id), NAME)),
        ));
    }
    if images.len() > ROWS {
        text.push_str(&format!("\n_and {} more_\n", images.len() - ROWS));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::record::Build;

    #[test]
    fn a_row_for_each_place() {
        let image = |location: &str, tags: &[&str]| Image {
            build: "web/docker.nginx|x".to_owned(),
            builder: "docker".to_owned(),
            id: "ami-1".to_owned(),
            location: Some(location.to_owned()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            digest: None,
            digests: BTreeMap::new(),
        };
        let images = vec![image("eu-west-1", &["1.2.3", "latest"]), image("us-east-1", &[])];
        let mut record = Record { builds: vec![Build { images, ..Build::default() }], ..Record::default() };
        let text = published(&record);
        let row = "| <code>web/docker.nginx&#124;x</code> | eu-west-1 | <code>1.2.3</code><br><code>latest</code> | \
                   <code>ami-1</code> |\n";
        assert!(text.contains(row) && text.lines().count() == 4, "{text}");
        let one = record.builds[0].images[0].clone();
        record.builds[0].images = vec![one; ROWS + 2];
        assert!(published(&record).ends_with("_and 2 more_\n"));
        assert_eq!(published(&Record::default()), "No image was published.\n");
    }
}
