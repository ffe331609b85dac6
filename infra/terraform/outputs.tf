output "url_template" {
  description = "For `make smoke URL=...`."
  value       = "https://{function}-${data.google_project.this.number}.${var.region}.run.app"
}

output "base_url" {
  description = "For --url of the command line, which appends the function's name."
  value       = "https://${var.region}-${var.project}.cloudfunctions.net"
}

output "urls" {
  description = "Each function's own address, which is also the audience of its tokens."
  value       = local.urls
}

output "desk_url" {
  description = "The address that people open."
  value       = local.urls["desk"]
}

output "service_accounts" {
  description = "The service account of each function."
  value       = { for name, account in google_service_account.function : name => account.email }
}

output "secrets" {
  description = "The secrets that must be in Secret Manager, by variable."
  value       = local.secrets
}

output "dashboard" {
  description = "The dashboard's resource name."
  value       = google_monitoring_dashboard.switchyard.id
}
