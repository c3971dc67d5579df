"""The Grafana dashboards of Mailroom as code; `python -m deploy.grafana.generate` writes their JSON files."""
