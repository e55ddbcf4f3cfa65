@echo off
rem Sets lorabake up (the first time, and when something changed) and starts it. For Windows.
rem   launch.bat                   start, and open the page in the browser
rem   launch.bat test              set up, and run every check and test
rem   launch.bat lorabake VERB ... the command line
rem This file only finds a Python; the rest is in tools\launch.py. Keep it plain ASCII.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul 2>nul
set "PYTHONPATH="
set "PYTHONHOME="
set "PYTHONUTF8=1"
set "HERE=%~dp0"
set "CHECK=import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and sys.maxsize > 2 ** 32))"

if not defined LORABAKE_PYTHON goto find
"%LORABAKE_PYTHON%" -c "%CHECK%" >nul 2>nul
if errorlevel 1 goto wrong
"%LORABAKE_PYTHON%" "%HERE%tools\launch.py" %*
goto end

:find
rem The environment made earlier, then the Python launcher, then PATH, then uv.
if not exist "%HERE%.venv\Scripts\python.exe" goto installed
"%HERE%.venv\Scripts\python.exe" -c "%CHECK%" >nul 2>nul
if errorlevel 1 goto installed
"%HERE%.venv\Scripts\python.exe" "%HERE%tools\launch.py" %*
goto end

:installed
set "FOUND="
for %%V in (3.13 3.12 3.11) do if not defined FOUND (
    py -%%V -c "%CHECK%" >nul 2>nul
    if not errorlevel 1 set "FOUND=%%V"
)
if not defined FOUND goto path
py -%FOUND% "%HERE%tools\launch.py" %*
goto end

:path
for %%P in (python3.13 python3.12 python3.11 python python3) do if not defined FOUND (
    %%P -c "%CHECK%" >nul 2>nul
    if not errorlevel 1 set "FOUND=%%P"
)
if not defined FOUND goto uv
%FOUND% "%HERE%tools\launch.py" %*
goto end

:uv
for %%V in (3.13 3.12 3.11) do if not defined FOUND (
    for /f "usebackq delims=" %%P in (`uv python find %%V 2^>nul`) do set "FOUND=%%P"
)
if not defined FOUND goto wrong
"%FOUND%" -c "%CHECK%" >nul 2>nul
if errorlevel 1 goto wrong
"%FOUND%" "%HERE%tools\launch.py" %*
goto end

:wrong
echo lorabake needs Python 3.11, 3.12 or 3.13 (64-bit), and none was found. Install Python 3.12 from https://www.python.org/downloads/windows/ (tick "Add python.exe to PATH"), then start launch.bat again. 1>&2
set "CODE=1"
goto close

:end
set "CODE=%ERRORLEVEL%"

:close
rem A window opened by double click stays open, so that the reason can be read.
if "%CODE%"=="0" goto done
if "%CODE%"=="130" goto done
if /i "%~1"=="lorabake" goto done
if /i "%~1"=="test" goto done
pause
:done
endlocal & exit /b %CODE%
