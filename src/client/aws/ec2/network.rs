//! Key pairs, security groups, subnets, VPCs, regions, tags.

use aws_sdk_ec2::types as sdk;

use super::types::{Filters, KeyPair, KeyPairRef, Subnet, Tags, Vpc};
use super::{Ec2, convert, removed, text};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::USUAL;
use crate::run::cancel::Cancel;

impl Ec2 {
    /// `kind`: `rsa` or `ed25519`.
    pub(crate) async fn create_key_pair(&self, name: &str, kind: &str, tags: &Tags) -> Result<KeyPair, AwsError> {
        let request = self
            .client
            .create_key_pair()
            .key_name(name)
            .key_type(kind.into())
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::KeyPair, tags)]));
        let made = self.answer("CreateKeyPair", request.send().await).await?;
        let private_key = super::image::given(made.key_material, "CreateKeyPair", "private key")?;
        let id = super::image::given(made.key_pair_id, "CreateKeyPair", "id")?;
        Ok(KeyPair { id, name: name.to_owned(), private_key })
    }

    /// Ids of the key pairs that match.
    pub(crate) async fn key_pairs(&self, filters: &Filters) -> Result<Vec<String>, AwsError> {
        let request = self.client.describe_key_pairs().set_filters(convert::filters(filters));
        let found = self.answer("DescribeKeyPairs", request.send().await).await?;
        Ok(found.key_pairs.unwrap_or_default().into_iter().filter_map(|pair| pair.key_pair_id).collect())
    }

    /// EC2 does not say whether there was one.
    pub(crate) async fn delete_key_pair(&self, pair: KeyPairRef<'_>) -> Result<bool, AwsError> {
        let request = self.client.delete_key_pair();
        let request = match pair {
            KeyPairRef::Id(id) => request.key_pair_id(id),
            KeyPairRef::Name(name) => request.key_name(name),
        };
        removed(self.answer("DeleteKeyPair", request.send().await).await.map(drop))
    }

    pub(crate) async fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc: &str,
        tags: &Tags,
    ) -> Result<String, AwsError> {
        let request = self
            .client
            .create_security_group()
            .group_name(name)
            .description(description)
            .set_vpc_id(text(vpc))
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::SecurityGroup, tags)]));
        let made = self.answer("CreateSecurityGroup", request.send().await).await?;
        super::image::given(made.group_id, "CreateSecurityGroup", "group")
    }

    /// Lets TCP in on one port. A group that was just made may not be visible yet.
    pub(crate) async fn authorize_tcp(
        &self,
        group: &str,
        port: u16,
        v4: &[String],
        v6: &[String],
        cancel: &Cancel,
    ) -> Result<(), AwsError> {
        let v4 = v4.iter().map(|cidr| sdk::IpRange::builder().cidr_ip(cidr).build()).collect::<Vec<_>>();
        let v6 = v6.iter().map(|cidr| sdk::Ipv6Range::builder().cidr_ipv6(cidr).build()).collect::<Vec<_>>();
        let rule = sdk::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(port.into())
            .to_port(port.into())
            .set_ip_ranges(Some(v4).filter(|all| !all.is_empty()))
            .set_ipv6_ranges(Some(v6).filter(|all| !all.is_empty()));
        let request = self.client.authorize_security_group_ingress().group_id(group).ip_permissions(rule.build());
        let done = USUAL.run(
            cancel,
            |error| error.is(&["InvalidGroup.NotFound"]),
            || async { self.answer("AuthorizeSecurityGroupIngress", request.clone().send().await).await },
        );
        match done.await {
            // The answer to an earlier try was lost.
            Err(error) if error.is(&["InvalidPermission.Duplicate"]) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Ids of the groups that match; those that are named by id must be there.
    pub(crate) async fn security_groups(&self, ids: &[String], filters: &Filters) -> Result<Vec<String>, AwsError> {
        let request = self
            .client
            .describe_security_groups()
            .set_group_ids(Some(ids.to_vec()).filter(|ids| !ids.is_empty()))
            .set_filters(convert::filters(filters));
        let found = self.answer("DescribeSecurityGroups", request.send().await).await?;
        Ok(found.security_groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect())
    }

    pub(crate) async fn delete_security_group(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.delete_security_group().group_id(id);
        removed(self.answer("DeleteSecurityGroup", request.send().await).await.map(drop))
    }

    pub(crate) async fn subnets(&self, ids: &[String], filters: &Filters) -> Result<Vec<Subnet>, AwsError> {
        let request = self
            .client
            .describe_subnets()
            .set_subnet_ids(Some(ids.to_vec()).filter(|ids| !ids.is_empty()))
            .set_filters(convert::filters(filters));
        let found = self.answer("DescribeSubnets", request.send().await).await?;
        Ok(found.subnets.unwrap_or_default().into_iter().map(convert::subnet).collect())
    }

    pub(crate) async fn vpcs(&self, ids: &[String], filters: &Filters) -> Result<Vec<Vpc>, AwsError> {
        let request = self
            .client
            .describe_vpcs()
            .set_vpc_ids(Some(ids.to_vec()).filter(|ids| !ids.is_empty()))
            .set_filters(convert::filters(filters));
        let found = self.answer("DescribeVpcs", request.send().await).await?;
        Ok(found.vpcs.unwrap_or_default().into_iter().map(convert::vpc).collect())
    }

    /// Names of the regions that the account can use.
    pub(crate) async fn regions(&self) -> Result<Vec<String>, AwsError> {
        let found = self.answer("DescribeRegions", self.client.describe_regions().send().await).await?;
        Ok(found.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect())
    }

    /// Availability zones in which there are instances of that type.
    pub(crate) async fn type_zones(&self, instance_type: &str) -> Result<Vec<String>, AwsError> {
        let filter = sdk::Filter::builder().name("instance-type").values(instance_type).build();
        let request = self
            .client
            .describe_instance_type_offerings()
            .location_type(sdk::LocationType::AvailabilityZone)
            .filters(filter);
        let found = self.answer("DescribeInstanceTypeOfferings", request.send().await).await?;
        Ok(found.instance_type_offerings.unwrap_or_default().into_iter().filter_map(|offer| offer.location).collect())
    }

    /// Puts tags on resources; those that were just made may not be visible yet.
    pub(crate) async fn tag(&self, ids: &[String], tags: &Tags, cancel: &Cancel) -> Result<(), AwsError> {
        let request =
            self.client.create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(convert::sdk_tags(tags)));
        let done = USUAL.run(
            cancel,
            |error| error.is(&super::NOT_FOUND),
            || async { self.answer("CreateTags", request.clone().send().await).await },
        );
        done.await.map(drop)
    }

    pub(crate) async fn untag(&self, ids: &[String], keys: &[&str]) -> Result<(), AwsError> {
        let keys = keys.iter().map(|key| sdk::Tag::builder().key(*key).build()).collect();
        let request = self.client.delete_tags().set_resources(Some(ids.to_vec())).set_tags(Some(keys));
        self.answer("DeleteTags", request.send().await).await.map(drop)
    }
}
