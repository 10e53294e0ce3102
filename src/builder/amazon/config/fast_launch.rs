//! Faster launches of Windows images: which launch template serves which region.

use super::device::number;
use crate::client::aws::ec2::types::FastLaunch;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;

/// The launch template that EC2 prepares snapshots with; all empty for EC2's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Template {
    id: String,
    name: String,
    version: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Regional {
    region: String,
    enabled: bool,
    template: Template,
}

/// The `fast_launch` block.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct FastLaunchOptions {
    template: Template,
    regions: Vec<Regional>,
    max_parallel_launches: Option<i32>,
    target_resource_count: Option<i32>,
}

impl FastLaunchOptions {
    /// The request for the image of a region; nothing where the template turns it off. A region without a block of
    /// its own takes the general template in the build region only: a launch template belongs to one region.
    pub(in crate::builder::amazon) fn for_region(
        &self,
        region: &str,
        build_region: &str,
        image: &str,
    ) -> Option<FastLaunch> {
        let own = self.regions.iter().find(|regional| regional.region == region);
        if own.is_some_and(|regional| !regional.enabled) {
            return None;
        }
        let general = if region == build_region { self.template.clone() } else { Template::default() };
        let template = own.map_or(general, |regional| regional.template.clone());
        let version = if template == Template::default() { String::new() } else { template.version };
        Some(FastLaunch {
            image_id: image.to_owned(),
            max_parallel_launches: self.max_parallel_launches,
            target_resource_count: self.target_resource_count,
            template_id: template.id,
            template_name: template.name,
            template_version: version,
        })
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, regions: &[&str]) -> Option<FastLaunchOptions> {
    let block = fields.block("fast_launch")?;
    let mut inner = fields.nested(block);
    let enabled = inner.flag("enable_fast_launch");
    let mut options = FastLaunchOptions {
        template: template(&mut inner),
        max_parallel_launches: number(&mut inner, "max_parallel_launches"),
        target_resource_count: number(&mut inner, "target_resource_count"),
        ..FastLaunchOptions::default()
    };
    if options.max_parallel_launches.is_some_and(|count| count < 6) {
        inner.error_at("max_parallel_launches", "\"max_parallel_launches\" is too small", "6 at least");
    }
    for block in inner.blocks("region_launch_templates") {
        let mut regional = inner.nested(block);
        let found = Regional {
            region: regional.required_text("region").unwrap_or_default(),
            enabled: regional.three_state("enable_fast_launch").unwrap_or(true),
            template: template(&mut regional),
        };
        let twice = options.regions.iter().any(|known| known.region == found.region);
        if twice && !regional.is_unknown("region") {
            regional.error_at("region", format!("{} is there twice", found.region), "one block per region");
        }
        // The build region may come from the environment and is not known then.
        if !regions.is_empty() && !regions.contains(&found.region.as_str()) && !regional.is_unknown("region") {
            let detail = "it is neither the build region nor in ami_regions";
            regional.error_at("region", format!("no image is made in {}", found.region), detail);
        }
        regional.finish();
        options.regions.push(found);
    }
    let span = inner.block_span();
    inner.finish();
    let says_something = options.template != Template::default()
        || !options.regions.is_empty()
        || options.max_parallel_launches.is_some()
        || options.target_resource_count.is_some();
    if enabled == Some(false) && says_something {
        let warning = Diagnostic::warning("the other options of fast_launch turn it on").at(span);
        fields.push(warning.detail("as in the peer, although enable_fast_launch is false").help("remove the block"));
    }
    (says_something || enabled == Some(true)).then_some(options)
}

fn template(fields: &mut Fields<'_>) -> Template {
    let template = Template {
        id: fields.text("template_id").unwrap_or_default(),
        name: fields.text("template_name").unwrap_or_default(),
        version: number(fields, "template_version").map(|version| version.to_string()).unwrap_or_default(),
    };
    if !template.id.is_empty() && !template.name.is_empty() {
        fields.error_at("template_id", "both \"template_id\" and \"template_name\"", "one of them");
    }
    if !template.version.is_empty() && template.id.is_empty() && template.name.is_empty() {
        fields.error_at(
            "template_version",
            "\"template_version\" of no template",
            "name it: template_id or template_name",
        );
    }
    template
}
