# Options of the amazon plugin (github.com/hashicorp/amazon), as of v1.8.2.

# Credentials and endpoint; shared by every component.
options "aws_access" {
  access_key = string
  assume_role {
    role_arn            = string
    duration_seconds    = number
    external_id         = string
    policy              = string
    policy_arns         = list(string)
    session_name        = string
    tags                = map(string)
    transitive_tag_keys = list(string)
  }
  custom_endpoint_ec2           = string
  shared_credentials_file       = string
  decode_authorization_messages = bool
  insecure_skip_tls_verify      = bool
  max_retries                   = number
  mfa_code                      = string
  profile                       = string
  region                        = string
  secret_key                    = string
  skip_metadata_api_check       = bool
  skip_credential_validation    = bool
  token                         = string
  vault_aws_engine {
    name        = string
    role_arn    = string
    ttl         = string
    engine_name = string
  }
  aws_polling {
    max_attempts  = number
    delay_seconds = number
  }
}

options "aws_key_value" {
  key   = string
  value = string
}

options "aws_name_value" {
  name  = string
  value = string
}

# Which image: the block source_ami_filter and the data source amazon-ami.
options "aws_ami_filter" {
  filters            = map(string)
  owners             = list(string)
  most_recent        = bool
  include_deprecated = bool
}

options "aws_source_ami" {
  source_ami = string
  source_ami_filter {
    use = [aws_ami_filter]
    filter "list" { # only in older versions of the plugin
      use = [aws_key_value]
    }
  }
}

# Filters of VPCs, subnets and security groups.
options "aws_network_filter" {
  filters = map(string)
  filter "list" {
    use = [aws_name_value]
  }
}

# The image that a build makes.
options "aws_ami" {
  ami_name                       = string
  ami_description                = string
  ami_virtualization_type        = string
  ami_users                      = list(string)
  ami_groups                     = list(string)
  ami_org_arns                   = list(string)
  ami_ou_arns                    = list(string)
  ami_product_codes              = list(string)
  ami_regions                    = list(string)
  skip_region_validation         = bool
  snapshot_copy_duration_minutes = number
  tags                           = map(string)
  tag "list" {
    use = [aws_key_value]
  }
  ena_support            = bool
  sriov_support          = bool
  force_deregister       = bool
  force_delete_snapshot  = bool
  encrypt_boot           = bool
  kms_key_id             = string
  region_kms_key_ids     = map(string)
  skip_save_build_region = bool
  imds_support           = string
  deprecate_at           = string
  snapshot_tags          = map(string)
  snapshot_tag "list" {
    use = [aws_key_value]
  }
  snapshot_users  = list(string)
  snapshot_groups = list(string)
  deregistration_protection {
    enabled       = bool
    with_cooldown = bool
  }
}

# The instance that a build runs on.
options "aws_run" {
  associate_public_ip_address     = bool
  availability_zone               = string
  block_duration_minutes          = number # deprecated
  capacity_reservation_preference = string
  capacity_reservation_id         = string
  capacity_reservation_group_arn  = string
  disable_stop_instance           = bool
  ebs_optimized                   = bool
  enable_nitro_enclave            = bool
  enable_t2_unlimited             = bool # deprecated
  enable_unlimited_credits        = bool
  iam_instance_profile            = string
  fleet_tags                      = map(string)
  fleet_tag "list" {
    use = [aws_key_value]
  }
  skip_profile_validation = bool
  temporary_iam_instance_profile_policy_document { # its names are capitalised
    Version = string
    Statement "list" {
      Effect   = string
      Action   = list(string)
      Resource = list(string)
    }
  }
  shutdown_behavior = string
  instance_type     = string
  security_group_filter {
    use = [aws_network_filter]
  }
  run_tags = map(string)
  run_tag "list" {
    use = [aws_key_value]
  }
  security_group_id        = string
  security_group_ids       = list(string)
  spot_allocation_strategy = string
  spot_instance_types      = list(string)
  spot_price               = string
  spot_price_auto_product  = string # deprecated
  spot_tags                = map(string)
  spot_tag "list" {
    use = [aws_key_value]
  }
  subnet_filter {
    use       = [aws_network_filter]
    most_free = bool
    random    = bool
  }
  subnet_id = string
  license_specifications "list" {
    license_configuration_request {
      license_configuration_arn = string
    }
  }
  placement {
    host_resource_group_arn = string
    host_id                 = string
    tenancy                 = string
  }
  tenancy                                   = string # deprecated
  temporary_security_group_source_cidrs     = list(string)
  temporary_security_group_source_public_ip = bool
  user_data                                 = string
  user_data_file                            = string
  vpc_filter {
    use = [aws_network_filter]
  }
  vpc_id                   = string
  windows_password_timeout = string
  metadata_options {
    http_endpoint               = string
    http_tokens                 = string
    http_put_response_hop_limit = number
    instance_metadata_tags      = string
  }
  ssh_interface        = string
  pause_before_ssm     = string
  session_manager_port = number
}

options "aws_block_device" {
  delete_on_termination = bool
  device_name           = string
  encrypted             = bool
  iops                  = number
  no_device             = bool
  snapshot_id           = string
  throughput            = number
  virtual_name          = string
  volume_type           = string
  volume_size           = number
  kms_key_id            = string
}

# How the image boots; the builders that register an image themselves.
options "aws_boot" {
  ami_architecture = string
  boot_mode        = string
  uefi_data        = string
  tpm_support      = string
}

builder "amazon-ebs" {
  use               = [aws_access, aws_ami, aws_source_ami, aws_run, communicator]
  skip_create_ami   = bool
  skip_ami_run_tags = bool
  ami_block_device_mappings "list" {
    use = [aws_block_device]
  }
  launch_block_device_mappings "list" {
    use = [aws_block_device]
  }
  run_volume_tags = map(string)
  run_volume_tag "list" { # name and value here
    use = [aws_name_value]
  }
  no_ephemeral = bool
  fast_launch {
    enable_fast_launch = bool
    template_id        = string
    template_name      = string
    template_version   = number
    region_launch_templates "list" {
      enable_fast_launch = bool
      region             = string
      template_id        = string
      template_name      = string
      template_version   = number
    }
    max_parallel_launches = number
    target_resource_count = number
  }
}

builder "amazon-ebssurrogate" {
  use                  = [aws_access, aws_source_ami, aws_run, communicator, aws_ami, aws_boot]
  snapshot_description = string
  ami_block_device_mappings "list" {
    use = [aws_block_device]
  }
  skip_ami_run_tags = bool
  launch_block_device_mappings "list" {
    use                = [aws_block_device]
    omit_from_artifact = bool
  }
  ami_root_device {
    source_device_name    = string
    device_name           = string
    delete_on_termination = bool
    iops                  = number
    volume_type           = string
    volume_size           = number
  }
  run_volume_tags = map(string)
  run_volume_tag "list" { # name and value here
    use = [aws_name_value]
  }
  use_create_image = bool
}

builder "amazon-ebsvolume" {
  use           = [aws_access, aws_source_ami, aws_run, communicator]
  ena_support   = bool
  sriov_support = bool
  ebs_volumes "list" {
    use  = [aws_block_device]
    tags = map(string)
    tag "list" {
      use = [aws_key_value]
    }
    snapshot_volume      = bool
    snapshot_description = string
    snapshot_tags        = map(string)
    snapshot_tag "list" {
      use = [aws_key_value]
    }
    snapshot_users  = list(string)
    snapshot_groups = list(string)
  }
  run_volume_tags = map(string)
  run_volume_tag "list" { # key and value here
    use = [aws_key_value]
  }
}

# Works in a chroot of the machine it runs on: no communicator.
builder "amazon-chroot" {
  use = [aws_ami, aws_access, aws_source_ami, aws_boot]
  ami_block_device_mappings "list" {
    use = [aws_block_device]
  }
  chroot_mounts       = list(list(string))
  command_wrapper     = string
  copy_files          = list(string)
  device_path         = string
  nvme_device_path    = string
  from_scratch        = bool
  mount_options       = list(string)
  mount_partition     = string
  mount_path          = string
  post_mount_commands = list(string)
  pre_mount_commands  = list(string)
  root_device_name    = string
  root_volume_size    = number
  root_volume_type    = string
  root_volume_tags    = map(string)
  root_volume_tag "list" {
    use = [aws_key_value]
  }
  root_volume_encrypt_boot = bool
  root_volume_kms_key_id   = string
}

builder "amazon-instance" {
  use = [aws_access, aws_ami, aws_source_ami, aws_run, communicator]
  ami_block_device_mappings "list" {
    use = [aws_block_device]
  }
  launch_block_device_mappings "list" {
    use = [aws_block_device]
  }
  account_id            = string
  bundle_destination    = string
  bundle_prefix         = string
  bundle_upload_command = string
  bundle_vol_command    = string
  s3_bucket             = string
  x509_cert_path        = string
  x509_key_path         = string
  x509_upload_path      = string
  tpm_support           = string
}

post-processor "amazon-import" {
  use               = [aws_access]
  s3_bucket_name    = string
  s3_key_name       = string
  s3_encryption     = string
  s3_encryption_key = string
  skip_clean        = bool
  tags              = map(string)
  ami_name          = string
  ami_description   = string
  ami_users         = list(string)
  ami_groups        = list(string)
  ami_org_arns      = list(string)
  ami_ou_arns       = list(string)
  ami_encrypt       = bool
  ami_kms_key       = string
  imds_support      = string
  license_type      = string
  role_name         = string
  format            = string
  architecture      = string
  boot_mode         = string
  platform          = string
}

data "amazon-ami" {
  use = [aws_access, aws_ami_filter]
  output "single" {
    id            = string
    name          = string
    creation_date = string
    owner         = string
    owner_name    = string
    tags          = map(string)
  }
}

data "amazon-secretsmanager" {
  use           = [aws_access]
  name          = string
  key           = string
  version_id    = string
  version_stage = string
  output "single" {
    value         = string
    secret_string = string
    secret_binary = string
    version_id    = string
  }
}

data "amazon-parameterstore" {
  use             = [aws_access]
  name            = string
  with_decryption = bool
  output "single" {
    value   = string
    version = string
    arn     = string
  }
}
