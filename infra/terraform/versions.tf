# Validations that look at other variables and at locals need 1.9.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # The bucket is made by hand, once (docs/deploy.md), and named when initialising: -backend-config=bucket=...
  backend "gcs" {
    prefix = "switchyard"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = { app = "switchyard" }
}
