"""What launch.sh and launch.bat share. Standard library only: it runs before anything is installed."""
