variable "stack" {
  description = "Name of the stack; labels everything that belongs to it."
  type        = string
}

variable "network" {
  description = "The mesh network. `ip_range` holds dynamic leases, apart from the fixed and the virtual addresses."
  type = object({
    name     = string
    subnet   = string
    gateway  = string
    ip_range = string
  })
}

variable "services" {
  description = "Every service release, keyed `name@release`. An app container joins the network namespace of its sidecar container."
  type = map(object({
    service   = string
    release   = string
    container = string
    inputs    = string
    kind      = string
    image     = string
    revision  = string
    # What the agent of the sidecar is told, as JSON; holds nothing private.
    agent           = string
    sidecar_image   = string
    address         = string
    virtual_address = string
    shim            = bool
    entrypoint      = optional(list(string))
    command         = optional(list(string))
    user            = optional(string)
    env             = map(string)
    secrets         = list(string)
    volumes         = map(string)
    cpus            = optional(string)
    memory          = optional(number)
    restart         = string
    # The commit and the base image it was made of, as JSON, to be read back.
    pin = optional(string, "")
    healthcheck = optional(object({
      test         = list(string)
      interval     = string
      timeout      = string
      start_period = string
      retries      = number
    }))
  }))
  default = {}
}

variable "edges" {
  description = "Who may open a connection to whom: caller => callees."
  type        = map(list(string))
  default     = {}
}

variable "doors" {
  description = "Published services: an edge proxy each, keyed by name, on a network of its own."
  type = map(object({
    service       = string
    release       = string
    container     = string
    agent         = string
    sidecar_image = string
    address       = string
    network       = string
    subnet        = string
    host_ip       = string
    host_port     = number
    listen_port   = number
  }))
  default = {}
}

variable "applied_commit" {
  description = "Commit of the repository that holds repos.yaml, as it was applied last. Pass on what the output of this name says; an apply that went well writes a newer one."
  type        = string
  default     = ""
}
