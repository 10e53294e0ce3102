//! What a preview makes instead of what the template says: an image of another name, for this account and region only,
//! that carries whose preview it is and when it may go. The template is decoded as ever; this is applied as the build
//! starts, so that the inputs of an image are the same before and after its pull request is merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{AmiOptions, ChrootConfig, EbsConfig, FilledVolume, InstanceConfig, SurrogateConfig, VolumeConfig};
use crate::run::BuildContext;
use crate::run::preview::{EXPIRES_TAG, PULL_REQUEST_TAG, Preview};

/// Of an image's name.
const LONGEST: usize = 128;

/// A configuration that can be that of a preview.
pub(super) trait Previewed: Clone {
    /// Makes it so, and yields the options that are held back.
    fn preview(&mut self, preview: &Preview) -> Vec<String>;
}

/// The configuration to build by: in a preview that of the preview, and what it leaves out is told.
pub(super) fn of<C: Previewed>(config: &Arc<C>, cx: &BuildContext) -> Arc<C> {
    let Some(preview) = &cx.run.preview else { return Arc::clone(config) };
    let mut own = C::clone(config);
    cx.hold_back(own.preview(preview));
    Arc::new(own)
}

impl Previewed for EbsConfig {
    fn preview(&mut self, preview: &Preview) -> Vec<String> {
        let mut held = if self.skip_create_ami { Vec::new() } else { ami(&mut self.ami, preview) };
        if self.fast_launch.take().is_some() {
            held.push("fast_launch".to_owned());
        }
        held
    }
}

impl Previewed for SurrogateConfig {
    fn preview(&mut self, preview: &Preview) -> Vec<String> {
        ami(&mut self.ami, preview)
    }
}

impl Previewed for ChrootConfig {
    fn preview(&mut self, preview: &Preview) -> Vec<String> {
        ami(&mut self.ami, preview)
    }
}

impl Previewed for InstanceConfig {
    fn preview(&mut self, preview: &Preview) -> Vec<String> {
        // The published image lives on the bundle of that name.
        if !self.bundle_prefix.is_empty() {
            self.bundle_prefix = format!("{}-{}", self.bundle_prefix, preview.tag());
        }
        ami(&mut self.ami, preview)
    }
}

impl Previewed for VolumeConfig {
    fn preview(&mut self, preview: &Preview) -> Vec<String> {
        let mut held = Vec::new();
        for volume in &mut self.volumes {
            let shares = sharing([
                ("snapshot_users", &mut volume.snapshot_users),
                ("snapshot_groups", &mut volume.snapshot_groups),
            ]);
            held.extend(shares.into_iter().filter(|option| !held.contains(option)).collect::<Vec<_>>());
            let FilledVolume { tags, snapshot_tags, .. } = volume;
            tags.extend(marks(preview));
            snapshot_tags.extend(marks(preview));
        }
        held
    }
}

fn ami(ami: &mut AmiOptions, preview: &Preview) -> Vec<String> {
    let mut held = sharing([
        ("ami_users", &mut ami.ami_users),
        ("ami_groups", &mut ami.ami_groups),
        ("ami_org_arns", &mut ami.ami_org_arns),
        ("ami_ou_arns", &mut ami.ami_ou_arns),
        ("ami_product_codes", &mut ami.ami_product_codes),
        ("snapshot_users", &mut ami.snapshot_users),
        ("snapshot_groups", &mut ami.snapshot_groups),
    ]);
    let regions = std::mem::take(&mut ami.ami_regions);
    if !regions.is_empty() {
        held.push(format!("ami_regions ({})", regions.join(", ")));
    }
    if std::mem::take(&mut ami.skip_save_build_region) {
        held.push("skip_save_build_region".to_owned());
    }
    if ami.deregistration_protection.take().is_some() {
        held.push("deregistration_protection".to_owned());
    }
    if ami.force_deregister {
        held.push(format!("force_deregister of {}", ami.ami_name));
    }
    let expires = rfc3339(preview);
    if !ami.deprecate_at.is_empty() {
        held.push(format!("deprecate_at {}", ami.deprecate_at));
    }
    ami.deprecate_at = expires;
    ami.ami_name = name(&ami.ami_name, preview);
    // One of this very commit, when a run is made again.
    ami.force_deregister = true;
    ami.force_delete_snapshot = true;
    ami.tags.extend(marks(preview));
    ami.snapshot_tags.extend(marks(preview));
    held
}

/// Empties the lists, and names those that had something in them: with whom is for no comment to say.
fn sharing<const N: usize>(lists: [(&str, &mut Vec<String>); N]) -> Vec<String> {
    let used = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let emptied = used.map(|(name, list)| {
        list.clear();
        name.to_owned()
    });
    emptied.collect()
}

fn marks(preview: &Preview) -> BTreeMap<String, String> {
    BTreeMap::from([(PULL_REQUEST_TAG.to_owned(), preview.of()), (EXPIRES_TAG.to_owned(), rfc3339(preview))])
}

/// With the preview's tag at its end, the rest cut where it is too long.
fn name(name: &str, preview: &Preview) -> String {
    let end = format!("-{}", preview.tag());
    let mut cut = name.len().min(LONGEST - end.len());
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{end}", &name[..cut])
}

fn rfc3339(preview: &Preview) -> String {
    let at: chrono::DateTime<chrono::Utc> = preview.expires.into();
    at.format("%Y-%m-%dT%H:%M:00Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::preview::example;

    #[test]
    fn an_image_of_a_preview_is_for_nobody_else() {
        let list = |text: &str| vec![text.to_owned()];
        let mut options = AmiOptions {
            ami_name: "web".to_owned(),
            ami_users: list("123456789012"),
            ami_groups: list("all"),
            ami_org_arns: list("o"),
            ami_ou_arns: list("u"),
            ami_product_codes: list("p"),
            snapshot_users: list("123456789012"),
            snapshot_groups: list("all"),
            ami_regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
            skip_save_build_region: true,
            deprecate_at: "2050-01-01T00:00:00Z".to_owned(),
            deregistration_protection: Some(true),
            tags: [("Name".to_owned(), "web".to_owned())].into(),
            ..AmiOptions::default()
        };
        let held = ami(&mut options, &example());
        assert_eq!(
            held,
            [
                "ami_users",
                "ami_groups",
                "ami_org_arns",
                "ami_ou_arns",
                "ami_product_codes",
                "snapshot_users",
                "snapshot_groups",
                "ami_regions (eu-west-1, us-east-1)",
                "skip_save_build_region",
                "deregistration_protection",
                "deprecate_at 2050-01-01T00:00:00Z",
            ]
        );
        let marks = [("forge:expires", "2030-03-17T17:46:00Z"), ("forge:pull-request", "octo/images#7")];
        let tags: Vec<_> = options.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(tags, [&[("Name", "web")][..], &marks].concat());
        let left = AmiOptions {
            ami_name: "web-pr-7-0123abc".to_owned(),
            force_deregister: true,
            force_delete_snapshot: true,
            deprecate_at: marks[0].1.to_owned(),
            snapshot_tags: marks.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            tags: options.tags.clone(),
            ..AmiOptions::default()
        };
        assert_eq!(format!("{options:?}"), format!("{left:?}"));
    }

    #[test]
    fn a_long_name_keeps_the_tag() {
        let long = name(&"x".repeat(128), &example());
        assert!(long.len() == 128 && long.ends_with("x-pr-7-0123abc"));
        assert_eq!(name("web", &example()), "web-pr-7-0123abc");
    }
}
