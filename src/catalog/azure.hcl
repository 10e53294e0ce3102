# Options of the azure plugin (github.com/hashicorp/azure).

# Authentication; shared by all components.
options "azure_client" {
  cloud_environment_name = string
  metadata_host          = string
  client_id              = string
  client_secret          = string
  client_cert_path       = string
  client_cert_password   = string
  client_jwt             = string
  object_id              = string
  tenant_id              = string
  subscription_id        = string
  oidc_request_token     = string
  oidc_request_url       = string
  use_azure_cli_auth     = bool
}

# Shared by the builders.
options "azure_builder" {
  skip_create_image = bool
}

options "azure_dtl_artifact_parameter" {
  name  = string
  value = string
  type  = string
}

builder "azure-arm" {
  use                              = [azure_builder, azure_client, communicator]
  user_assigned_managed_identities = list(string)
  capture_name_prefix              = string
  capture_container_name           = string
  shared_image_gallery {
    id                             = string
    subscription                   = string
    resource_group                 = string
    gallery_name                   = string
    image_name                     = string
    image_version                  = string
    community_gallery_image_id     = string
    direct_shared_gallery_image_id = string
  }
  shared_image_gallery_destination {
    subscription        = string
    resource_group      = string
    gallery_name        = string
    image_name          = string
    image_version       = string
    replication_regions = list(string)
    target_region "list" {
      name                   = string
      disk_encryption_set_id = string
      replicas               = number
    }
    storage_account_type                  = string
    specialized                           = bool
    use_shallow_replication               = bool
    confidential_vm_image_encryption_type = string
  }
  shared_image_gallery_timeout                     = string
  shared_gallery_image_version_end_of_life_date    = string
  shared_image_gallery_replica_count               = number
  shared_gallery_image_version_exclude_from_latest = bool
  image_publisher                                  = string
  image_offer                                      = string
  image_sku                                        = string
  image_version                                    = string
  image_url                                        = string
  custom_managed_image_name                        = string
  custom_managed_image_resource_group_name         = string
  location                                         = string
  vm_size                                          = string
  spot {
    eviction_policy = string
    max_price       = number
  }
  managed_image_resource_group_name       = string
  managed_image_name                      = string
  managed_image_storage_account_type      = string
  managed_image_os_disk_snapshot_name     = string
  managed_image_data_disk_snapshot_prefix = string
  keep_os_disk                            = bool
  managed_image_zone_resilient            = bool
  azure_tags                              = map(string)
  azure_tag "list" {
    name  = string
    value = string
  }
  resource_group_name                    = string
  storage_account                        = string
  temp_compute_name                      = string
  temp_nic_name                          = string
  temp_resource_group_name               = string
  build_resource_group_name              = string
  build_key_vault_name                   = string
  build_key_vault_secret_name            = string
  build_key_vault_sku                    = string
  skip_create_build_key_vault            = bool
  disk_encryption_set_id                 = string
  private_virtual_network_with_public_ip = bool
  virtual_network_name                   = string
  virtual_network_subnet_name            = string
  virtual_network_resource_group_name    = string
  accelerated_networking                 = bool
  disk_controller_type                   = string
  custom_data_file                       = string
  custom_data                            = string
  user_data_file                         = string
  user_data                              = string
  custom_script                          = string
  plan_info {
    plan_name           = string
    plan_product        = string
    plan_publisher      = string
    plan_promotion_code = string
  }
  polling_duration_timeout     = string
  os_type                      = string
  winrm_expiration_time        = string
  temp_os_disk_name            = string
  os_disk_size_gb              = number
  disk_additional_size         = list(number)
  disk_additional_luns         = list(number)
  disk_caching_type            = string
  allowed_inbound_ip_addresses = list(string)
  boot_diag_storage_account    = string
  sas_token_duration           = string
  custom_resource_build_prefix = string
  license_type                 = string
  secure_boot_enabled          = bool
  encryption_at_host           = bool
  public_ip_sku                = string
  vtpm_enabled                 = bool
  security_type                = string
  security_encryption_type     = string
  async_resourcegroup_delete   = bool
}

builder "azure-chroot" {
  use                             = [azure_builder, azure_client]
  from_scratch                    = bool
  source                          = string
  command_wrapper                 = string
  manual_mount_command            = string
  pre_mount_commands              = list(string)
  mount_options                   = list(string)
  mount_partition                 = string
  mount_path                      = string
  post_mount_commands             = list(string)
  chroot_mounts                   = list(list(string))
  copy_files                      = list(string)
  os_disk_size_gb                 = number
  os_disk_storage_account_type    = string
  os_disk_cache_type              = string
  data_disk_storage_account_type  = string
  data_disk_cache_type            = string
  image_hyperv_generation         = string
  temporary_os_disk_id            = string
  temporary_os_disk_snapshot_id   = string
  temporary_data_disk_id_prefix   = string
  temporary_data_disk_snapshot_id = string
  lvm_root_device                 = string
  pre_unmount_commands            = list(string)
  skip_cleanup                    = bool
  image_resource_id               = string
  shared_image_destination {
    resource_group = string
    gallery_name   = string
    image_name     = string
    image_version  = string
    target_regions "list" {
      name                 = string
      replicas             = number
      storage_account_type = string
    }
    exclude_from_latest = bool
    exlude_from_latest  = bool # old misspelling, deprecated
  }
}

builder "azure-dtl" {
  use                    = [azure_builder, azure_client, communicator]
  capture_name_prefix    = string
  capture_container_name = string
  shared_image_gallery {
    subscription   = string
    resource_group = string
    gallery_name   = string
    image_name     = string
    image_version  = string
  }
  shared_image_gallery_destination {
    resource_group      = string
    gallery_name        = string
    image_name          = string
    image_version       = string
    replication_regions = list(string)
  }
  shared_image_gallery_timeout             = string
  custom_image_capture_timeout             = string
  image_publisher                          = string
  image_offer                              = string
  image_sku                                = string
  image_version                            = string
  image_url                                = string
  custom_managed_image_resource_group_name = string
  custom_managed_image_name                = string
  location                                 = string
  vm_size                                  = string
  managed_image_resource_group_name        = string
  managed_image_name                       = string
  managed_image_storage_account_type       = string
  azure_tags                               = map(string)
  plan_id                                  = string
  polling_duration_timeout                 = string
  os_type                                  = string
  os_disk_size_gb                          = number
  disk_additional_size                     = list(number)
  disk_caching_type                        = string
  storage_type                             = string
  lab_virtual_network_name                 = string
  lab_name                                 = string
  lab_subnet_name                          = string
  lab_resource_group_name                  = string
  dtl_artifacts "list" {
    artifact_name   = string
    repository_name = string
    artifact_id     = string
    parameters "list" {
      use = [azure_dtl_artifact_parameter]
    }
  }
  vm_name            = string
  disallow_public_ip = bool
  skip_sysprep       = bool
  password           = string # internal
}

provisioner "azure-dtlartifact" {
  use = [azure_client]
  dtl_artifacts "list" {
    artifact_name = string
    artifact_id   = string
    parameters "list" {
      use = [azure_dtl_artifact_parameter]
    }
  }
  lab_name                 = string
  lab_resource_group_name  = string
  vm_name                  = string
  polling_duration_timeout = string
  azure_tags               = map(string)
  json                     = map(string) # internal
}

data "azure-keyvaultsecret" {
  use         = [azure_client]
  vault_name  = string
  secret_name = string
  version     = string
  output "single" {
    response = string
    value    = string
  }
}
