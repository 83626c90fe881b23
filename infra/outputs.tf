output "services" {
  description = "What is applied, by `name@release`: karst reads addresses and pins back from here."
  value       = { for key, release in terraform_data.release : key => release.output }
}

output "edges" {
  description = "Caller => callees, as applied."
  value       = { for caller, edges in terraform_data.edges : caller => edges.output }
}

output "doors" {
  description = "Published services, by name, as applied."
  value       = { for key, _ in docker_container.door : key => var.doors[key] }
}

output "applied_commit" {
  description = "Commit that was applied last, or null."
  value       = one(terraform_data.applied[*].output)
}
