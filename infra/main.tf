terraform {
  required_version = ">= 1.6"
  required_providers {
    docker = {
      source  = "kreuzwerker/docker"
      version = "~> 4.6"
    }
  }
}

provider "docker" {}

locals {
  # The engine's json-file logs grow without bound unless told otherwise.
  log_opts = { "max-size" = "10m", "max-file" = "3" }
}

resource "docker_network" "mesh" {
  name   = var.network.name
  driver = "bridge"
  ipv6   = false

  ipam_config {
    subnet   = var.network.subnet
    gateway  = var.network.gateway
    ip_range = var.network.ip_range
  }

  labels {
    label = "karst.stack"
    value = var.stack
  }
}

# What was applied, to be read back: addresses and images are chosen once and kept.
resource "terraform_data" "release" {
  for_each = var.services
  input    = each.value
}

# Edges are values of their own, never attributes of a container: opening one
# replaces nothing, and the plan shows it.
resource "terraform_data" "edges" {
  for_each = var.edges
  input    = each.value
}

# Which commit was applied last, to be read back: the next apply looks for what was
# reviewed since. Every plan passes the stored value on, so it changes nothing.
resource "terraform_data" "applied" {
  count = var.applied_commit == "" ? 0 : 1
  input = var.applied_commit
}

resource "docker_container" "sidecar" {
  for_each = var.services

  name                  = "${each.value.container}-sidecar"
  hostname              = each.value.service
  image                 = each.value.sidecar_image
  restart               = "unless-stopped"
  must_run              = false
  env                   = ["KARST_SIDECAR=${each.value.agent}"]
  security_opts         = ["no-new-privileges:true"]
  stop_timeout          = 5
  log_driver            = "json-file"
  log_opts              = local.log_opts
  destroy_grace_seconds = 2

  # The CAP_ prefix matters: without it the provider sees a difference at every plan.
  capabilities {
    add  = ["CAP_KILL", "CAP_NET_ADMIN", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"]
    drop = ["ALL"]
  }

  networks_advanced {
    name         = docker_network.mesh.name
    ipv4_address = each.value.address
  }

  volumes {
    volume_name    = "${each.value.container}-mesh"
    container_path = "/var/lib/karst"
  }

  dynamic "labels" {
    for_each = {
      "karst.role"    = "sidecar"
      "karst.stack"   = var.stack
      "karst.service" = each.value.service
      "karst.release" = each.value.release
    }
    content {
      label = labels.key
      value = labels.value
    }
  }
}

resource "docker_container" "app" {
  for_each = var.services

  name         = each.value.container
  image        = each.value.image
  network_mode = "container:${docker_container.sidecar[each.key].id}"

  # karst starts an app when its sidecar has sealed the namespace and what it needs
  # has ended well; the keeper starts it again after that. `must_run = true` would
  # delete a stopped container while planning.
  start    = false
  must_run = false
  restart  = each.value.restart

  entrypoint = each.value.entrypoint
  command    = each.value.command
  user       = each.value.user
  env        = [for name, value in each.value.env : "${name}=${value}"]
  cpus       = each.value.cpus
  memory     = each.value.memory
  # Equal to the memory: no swap. Left out, the engine doubles it and every plan differs.
  memory_swap           = each.value.memory
  security_opts         = ["no-new-privileges:true"]
  log_driver            = "json-file"
  log_opts              = local.log_opts
  destroy_grace_seconds = 10

  capabilities {
    drop = ["ALL"]
  }

  dynamic "healthcheck" {
    for_each = each.value.healthcheck == null ? [] : [each.value.healthcheck]
    content {
      test         = healthcheck.value.test
      interval     = healthcheck.value.interval
      timeout      = healthcheck.value.timeout
      start_period = healthcheck.value.start_period
      retries      = healthcheck.value.retries
    }
  }

  dynamic "volumes" {
    for_each = length(each.value.secrets) > 0 ? [1] : []
    content {
      volume_name    = "${each.value.container}-secrets"
      container_path = "/run/secrets"
      read_only      = true
    }
  }

  dynamic "volumes" {
    for_each = each.value.volumes
    content {
      volume_name    = "${var.stack}-${each.value.service}-${volumes.key}"
      container_path = volumes.value
    }
  }

  dynamic "labels" {
    for_each = {
      "karst.role"    = "app"
      "karst.stack"   = var.stack
      "karst.service" = each.value.service
      "karst.release" = each.value.release
      "karst.start"   = each.value.kind == "job" ? "once" : "auto"
    }
    content {
      label = labels.key
      value = labels.value
    }
  }
}

resource "docker_network" "door" {
  for_each = var.doors

  name   = each.value.network
  driver = "bridge"
  ipv6   = false

  ipam_config {
    subnet = each.value.subnet
    # Left to the engine, it shows only after the engine's restart, as a difference.
    gateway = cidrhost(each.value.subnet, 1)
  }

  labels {
    label = "karst.stack"
    value = var.stack
  }
}

resource "docker_container" "door" {
  for_each = var.doors

  name                  = each.value.container
  image                 = each.value.sidecar_image
  restart               = "unless-stopped"
  must_run              = false
  env                   = ["KARST_SIDECAR=${each.value.agent}"]
  security_opts         = ["no-new-privileges:true"]
  stop_timeout          = 5
  log_driver            = "json-file"
  log_opts              = local.log_opts
  destroy_grace_seconds = 2

  capabilities {
    add  = ["CAP_KILL", "CAP_NET_ADMIN", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"]
    drop = ["ALL"]
  }

  # The engine publishes a port on the first network by name: the door's sorts first.
  networks_advanced {
    name = docker_network.door[each.key].name
  }

  networks_advanced {
    name         = docker_network.mesh.name
    ipv4_address = each.value.address
  }

  ports {
    internal = each.value.listen_port
    external = each.value.host_port
    ip       = each.value.host_ip
  }

  volumes {
    volume_name    = "${each.value.container}-mesh"
    container_path = "/var/lib/karst"
  }

  dynamic "labels" {
    for_each = {
      "karst.role"    = "edge"
      "karst.stack"   = var.stack
      "karst.service" = each.value.service
      "karst.release" = each.value.release
    }
    content {
      label = labels.key
      value = labels.value
    }
  }
}
