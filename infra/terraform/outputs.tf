output "url_template" {
  description = "For `make smoke URL=...`."
  value       = "https://{function}-${data.google_project.this.number}.${var.region}.run.app"
}

output "base_url" {
  description = "For --url of the command line: a function's name follows it."
  value       = "https://${var.region}-${var.project}.cloudfunctions.net"
}

output "urls" {
  description = "Each function's own address, which is also the audience of its tokens."
  value       = local.urls
}

output "service_accounts" {
  description = "Who each function is."
  value       = { for name, account in google_service_account.function : name => account.email }
}

output "secrets" {
  description = "What must be in Secret Manager, by variable."
  value       = local.secrets
}

output "dashboard" {
  description = "The dashboard's resource name."
  value       = google_monitoring_dashboard.switchyard.id
}
