"""Write every dashboard to `deploy/grafana/dashboards/`."""

from deploy.grafana.generate.files import write_dashboards

if __name__ == "__main__":
    write_dashboards()
