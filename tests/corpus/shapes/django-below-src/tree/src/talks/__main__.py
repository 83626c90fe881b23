from talks.manage import main
